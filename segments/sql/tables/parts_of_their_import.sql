-- Deleting an import deletes its parts, even those that a worker adds at the same time.
ALTER TABLE segments_chunk
    ADD CONSTRAINT chunk_of_import
    FOREIGN KEY (job_id) REFERENCES segments_importjob (id) ON DELETE CASCADE;
ALTER TABLE segments_progresssample
    ADD CONSTRAINT progress_sample_of_import
    FOREIGN KEY (job_id) REFERENCES segments_importjob (id) ON DELETE CASCADE;
ALTER TABLE segments_rowerror
    ADD CONSTRAINT row_error_of_import
    FOREIGN KEY (job_id) REFERENCES segments_importjob (id) ON DELETE CASCADE;
