-- A segment has its document's dataset and tenant: one check a row
-- instead of three. Deleting the document deletes its segments in the database.
ALTER TABLE segments_documentsegment
    ADD CONSTRAINT segment_of_document_of_tenant
    FOREIGN KEY (document_id, dataset_id, tenant_id)
    REFERENCES datasets_document (id, dataset_id, tenant_id) ON DELETE CASCADE;
