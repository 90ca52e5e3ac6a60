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
        "functions/refuse_wrong_move.sql",
        sha256="9bf892fd1ef131a98f37ac82f697e883f0453dbc3d1f72c8ea7d4d4bf82318ec",
        undo="DROP FUNCTION segments_refuse_wrong_move",
    ),
    RunSQLFile(
        "functions/refuse_falling_epoch.sql",
        sha256="bb2209887479dc95fcc5f3d35f38c6281c0cbb4eaa2eae22540731baf8976d23",
        undo="DROP FUNCTION segments_refuse_falling_epoch",
    ),
    RunSQLFile(
        "triggers/import_moves_along_its_arrows.sql",
        sha256="f3ec93dc624a39f29a2bd72b4802c766535f3e221582b8b726f6bb12039bad20",
        undo="DROP TRIGGER import_moves_along_its_arrows ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunk_moves_along_its_arrows.sql",
        sha256="396be5a95dab0a241eda0c7660345cf9c637deb58ef6779e5b8de5fc6b73211d",
        undo="DROP TRIGGER chunk_moves_along_its_arrows ON segments_chunk",
    ),
    RunSQLFile(
        "triggers/import_epoch_never_falls.sql",
        sha256="29733258752fa04e4f3335e416d292a26a2891488354b3aa6489211cc0c2c424",
        undo="DROP TRIGGER import_epoch_never_falls ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/reembedding_moves_along_its_arrows.sql",
        sha256="0295897f8fec9b19f737b09e1feb5d216bbada8574f32f41c07d87ad72d34d3e",
        undo="DROP TRIGGER reembedding_moves_along_its_arrows ON segments_reembedding",
    ),
    RunSQLFile(
        "triggers/reembedding_epoch_never_falls.sql",
        sha256="37950072da84a7f7fab31367aab19ea508b3b2d7b8a431c4a44e441b271f7ac8",
        undo="DROP TRIGGER reembedding_epoch_never_falls ON segments_reembedding",
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
        "functions/keep_deleted_import.sql",
        sha256="ab910542dfdd1b82b394910fb48107903f02fe28a1df10590abcae43db6b7df8",
        undo="DROP FUNCTION segments_keep_deleted_import",
    ),
    RunSQLFile(
        "functions/keep_deleted_reembedding.sql",
        sha256="a2734f531338e594751abd184fdb6e031acd711a39691190c9b6970cbc22f5c3",
        undo="DROP FUNCTION segments_keep_deleted_reembedding",
    ),
    RunSQLFile(
        "triggers/deleted_import_is_kept.sql",
        sha256="f9af39862bac2176ce08bb2b85d59a6e552170e8a8550a0cc19feb93b5962cac",
        undo="DROP TRIGGER deleted_import_is_kept ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/deleted_reembedding_is_kept.sql",
        sha256="9660001d8b765656d8dcecb9efd4658f6e7f66ef0fbd003dffb65712775518dd",
        undo="DROP TRIGGER deleted_reembedding_is_kept ON segments_reembedding",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_tables")]
    operations = [*TABLES, *FULL_TEXT, *LANGUAGE, *STATES, *BUDGET, *METRICS]
