"""Rules, functions and triggers that the ORM has no words for: the files of `segments/sql/`."""

from django.db import migrations

from segments.db.sql import RunSQLFile

TABLES = [
    RunSQLFile(
        "tables/segments_of_their_tenant.sql",
        sha256="9eeb8fd1de376205d0799a5af237d182f2aa4e05b8c6253e591e87c2bbe42f65",
        undo="ALTER TABLE segments_documentsegment DROP CONSTRAINT segment_of_document_of_tenant",
    ),
    RunSQLFile(
        "tables/imports_of_their_tenant.sql",
        sha256="40df5483df7f2a812e0e2a0f7f1eb7686d7bebaff0224f1e46c33f9b3cb72144",
        undo="ALTER TABLE segments_importjob DROP CONSTRAINT import_of_document_of_tenant",
    ),
    RunSQLFile(
        "tables/parts_of_their_import.sql",
        sha256="4d6ba499f76c7ea7cbd3b811dffa80ac3865a3e8267102081f76ff6c81c32096",
        undo=(
            "ALTER TABLE segments_rowerror DROP CONSTRAINT row_error_of_import; "
            "ALTER TABLE segments_progresssample DROP CONSTRAINT progress_sample_of_import; "
            "ALTER TABLE segments_chunk DROP CONSTRAINT chunk_of_import"
        ),
    ),
    RunSQLFile(
        "tables/vectors_within_rows.sql",
        sha256="f1884c0776d446147c95affdf564a6e2e99d17ee66921c99cf5d35c05b5a5750",
        undo="ALTER TABLE segments_documentsegment ALTER COLUMN embedding SET STORAGE EXTERNAL",
    ),
    RunSQLFile(
        "tables/api_key_rates_unlogged.sql",
        sha256="9dae54ef8aecc0e8be32b9547ee8ce6a467290ba354334eae3234053593f07f7",
        undo="ALTER TABLE segments_apikeyrate SET LOGGED",
    ),
]
FULL_TEXT = [
    RunSQLFile(
        "functions/keep_full_text.sql",
        sha256="0f73756232b8612f98486352e1f54cda550164a8bb58e9fe8e63658a8160ba4d",
        undo="DROP FUNCTION segments_keep_full_text",
    ),
    RunSQLFile(
        "triggers/segment_full_text_on_insert.sql",
        sha256="4d56de937319db2e988db5adbbd9294ff4138fd33ca31adb813bda4b849d9810",
        undo="DROP TRIGGER segment_full_text_on_insert ON segments_documentsegment",
    ),
    RunSQLFile(
        "triggers/segment_full_text_on_update.sql",
        sha256="b9a57d8bbe66875213211671280297ae6bff9571c7e78bfb345bb6a16745c910",
        undo="DROP TRIGGER segment_full_text_on_update ON segments_documentsegment",
    ),
]
LANGUAGE = [
    RunSQLFile(
        "functions/refuse_change_of_language.sql",
        sha256="b83f1afae4ff086ae8b84ea4c0b2b6b684f7904ec817cbb7a66f7bd3bf069fdb",
        undo="DROP FUNCTION segments_refuse_change_of_language",
    ),
    RunSQLFile(
        "triggers/dataset_language_of_segments.sql",
        sha256="660262b21fee90bca01aa8382de295d3ea7b9b8c82ef8627fed7851a0b71e992",
        undo="DROP TRIGGER dataset_language_of_segments ON datasets_dataset",
    ),
]
STATES = [
    RunSQLFile(
        "functions/refuse_change_of_final_state.sql",
        sha256="f9d0a76e64c00157d36152470981a31663e8d6f3fa20088911f324177dbe5017",
        undo="DROP FUNCTION segments_refuse_change_of_final_state",
    ),
    RunSQLFile(
        "functions/refuse_wrong_move.sql",
        sha256="03a8f54ed9270ae496b7cb8d6fc2faee3ffc25ad2448bd3d541e7f2b073b620d",
        undo="DROP FUNCTION segments_refuse_wrong_move",
    ),
    RunSQLFile(
        "functions/refuse_wrong_chunk_move.sql",
        sha256="eb54f8b32160a7fdac7f226c9dd77fa0aa4029405edf213c17e4d336c5b6db6b",
        undo="DROP FUNCTION segments_refuse_wrong_chunk_move",
    ),
    RunSQLFile(
        "functions/refuse_falling_epoch.sql",
        sha256="bb2209887479dc95fcc5f3d35f38c6281c0cbb4eaa2eae22540731baf8976d23",
        undo="DROP FUNCTION segments_refuse_falling_epoch",
    ),
    RunSQLFile(
        "triggers/import_final_is_final.sql",
        sha256="a5db2bf326862afb1212ad1e534c1fe4b067cda20b1caa6a9a2c7a5595ff1338",
        undo="DROP TRIGGER import_final_is_final ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/import_moves_along_its_arrows.sql",
        sha256="0187c8540c27f51fc656b61a435884a8126690285c4dfce8dcf16336585d581b",
        undo="DROP TRIGGER import_moves_along_its_arrows ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunk_moves_along_its_arrows.sql",
        sha256="965510c2a624763a1867a63e56a6a1cac6ed2f51eea66e6b69d583f61e9baa36",
        undo="DROP TRIGGER chunk_moves_along_its_arrows ON segments_chunk",
    ),
    RunSQLFile(
        "triggers/import_epoch_never_falls.sql",
        sha256="29733258752fa04e4f3335e416d292a26a2891488354b3aa6489211cc0c2c424",
        undo="DROP TRIGGER import_epoch_never_falls ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunk_epoch_never_falls.sql",
        sha256="346708a686af2b96a8e43a91e6a26e8e16ef401ba6ab3ae6a875da592eb40acc",
        undo="DROP TRIGGER chunk_epoch_never_falls ON segments_chunk",
    ),
]
BUDGET = [
    RunSQLFile(
        "functions/take_budget.sql",
        sha256="e6f00f8fb52d63b2b0e2c044ab1c9ba47eec652769925cd0baec2e9c9b66755e",
        undo="DROP FUNCTION segments_take_budget",
    ),
]
METRICS = [
    RunSQLFile(
        "functions/bucket_bounds.sql",
        sha256="4b1db8f48847bf1a1a57a3829626d48fa822837698a78b7faef3eafaea2e148e",
        undo="DROP FUNCTION segments_bucket_bounds",
    ),
    RunSQLFile(
        "functions/bucket.sql",
        sha256="083ce28584fe95280f54cd70fd1ab9301d40edc99e3d2cb3ef0cd2863af2ad3b",
        undo="DROP FUNCTION segments_bucket",
    ),
    RunSQLFile(
        "functions/counts_of_import.sql",
        sha256="007d5c3097c3a8774b2d3f28781303860bb07ca0999f2e53aef9aac63790fa38",
        undo="DROP FUNCTION segments_counts_of_import",
    ),
    RunSQLFile(
        "functions/counts_of_chunk.sql",
        sha256="47fa67fad4e583c07a4254a21dd5d9a6cf3230185aa276fcab5152bbe114f139",
        undo="DROP FUNCTION segments_counts_of_chunk",
    ),
    RunSQLFile(
        "functions/counts_of_reembedding.sql",
        sha256="e66bb561429bfc9987b5dda5a0f0c04c3da005e1a37d13a869b3b0a2937305bd",
        undo="DROP FUNCTION segments_counts_of_reembedding",
    ),
    RunSQLFile(
        "functions/count_import.sql",
        sha256="5352366fb7a5b23c8c300a6c91b6c71b60fed4b4008cd450389529927072e1c8",
        undo="DROP FUNCTION segments_count_import",
    ),
    RunSQLFile(
        "functions/count_cleared_chunks.sql",
        sha256="b9838f0ee86fdc3cca4352198f17c989796b4e96d253646f6975afdd8de3f973",
        undo="DROP FUNCTION segments_count_cleared_chunks",
    ),
    RunSQLFile(
        "functions/count_reembedding.sql",
        sha256="941c30a6ac7ec86769f767f69db7d682eaf87ae62fe51077c466653d1ddc7cb9",
        undo="DROP FUNCTION segments_count_reembedding",
    ),
    RunSQLFile(
        "functions/count_retry.sql",
        sha256="f9b555dd32303fa9a11f9504411de83040044ca38bda9ecf8840d7eb8d5eb664",
        undo="DROP FUNCTION segments_count_retry",
    ),
    RunSQLFile(
        "triggers/import_counted_at_its_end.sql",
        sha256="132fe0724c08db94853643eb243dfcc7be4ac46e8971f169a82b2a454bee6085",
        undo="DROP TRIGGER import_counted_at_its_end ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/import_counted_when_deleted.sql",
        sha256="cb965457bddeb53d922e3a3a2f0966904b9b576da36db8c47695eb208b77e98d",
        undo="DROP TRIGGER import_counted_when_deleted ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunks_counted_when_cleared.sql",
        sha256="c2404c07ad0467f2de8e0ad76e82f302eea7d8851eba2c104f71e75e8d2a918a",
        undo="DROP TRIGGER chunks_counted_when_cleared ON segments_chunk",
    ),
    RunSQLFile(
        "triggers/reembedding_counted_when_deleted.sql",
        sha256="c7410482a4cec4b855bbf87ad0108c7cf2a2de0cb41228311855781a244a38ee",
        undo="DROP TRIGGER reembedding_counted_when_deleted ON segments_reembedding",
    ),
    RunSQLFile(
        "triggers/prepare_retry_counted.sql",
        sha256="02ebabeef5ae549994eb9b7de368414c350514643c31fe57e28c4a1e86abb2a4",
        undo="DROP TRIGGER prepare_retry_counted ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/publish_retry_counted.sql",
        sha256="4d6c221ad4fd0bdf24416507d8b8b75b07dce732679f7930989c716002e6b531",
        undo="DROP TRIGGER publish_retry_counted ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunk_retry_counted.sql",
        sha256="18c454a820e37ea1b42b4c4a521f0a9c292f88dc198567dbc79d971b027c3d11",
        undo="DROP TRIGGER chunk_retry_counted ON segments_chunk",
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0002_tables"),
        # The queue's own tables, which hold the schedules that are made after migrating.
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [*TABLES, *FULL_TEXT, *LANGUAGE, *STATES, *BUDGET, *METRICS]
