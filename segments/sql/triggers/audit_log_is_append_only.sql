-- An entry of the audit log is neither changed nor deleted.
CREATE OR REPLACE TRIGGER audit_log_is_append_only
    BEFORE UPDATE OR DELETE ON segments_auditentry
    FOR EACH ROW EXECUTE FUNCTION segments_refuse_change_of_audit();
