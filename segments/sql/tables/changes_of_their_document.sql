-- Deleting a document deletes the history of its segments, even what a publish adds at that time.
ALTER TABLE segments_segmentchange
    ADD CONSTRAINT segment_change_of_document
    FOREIGN KEY (document_id) REFERENCES datasets_document (id) ON DELETE CASCADE;
