-- An import has its document's dataset and tenant.
ALTER TABLE segments_importjob
    ADD CONSTRAINT import_of_document_of_tenant
    FOREIGN KEY (document_id, dataset_id, tenant_id)
    REFERENCES datasets_document (id, dataset_id, tenant_id) ON DELETE CASCADE;
