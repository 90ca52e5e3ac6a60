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
        sha256="ecec7800bcf4161dd2738af10b7d31014209d8839e5cf3a7ba771b371100906d",
        undo="DROP FUNCTION segments_keep_full_text",
    ),
    RunSQLFile(
        "triggers/segment_full_text_on_insert.sql",
        sha256="4d56de937319db2e988db5adbbd9294ff4138fd33ca31adb813bda4b849d9810",
        undo="DROP TRIGGER segment_full_text_on_insert ON segments_documentsegment",
    ),
    RunSQLFile(
        "triggers/segment_full_text_on_update.sql",
        sha256="581010d3deed32c4c4c9984b49be40bcc0d8d6f0efbe1dde05e8db3881d432af",
        undo="DROP TRIGGER segment_full_text_on_update ON segments_documentsegment",
    ),
]
LANGUAGE = [
    RunSQLFile(
        "functions/keep_previous_language.sql",
        sha256="3a9a44f4adde7cf9071688a2338ef6adbae842ce78446a06b84061dad3a773c7",
        undo="DROP FUNCTION segments_keep_previous_language",
    ),
    RunSQLFile(
        "triggers/dataset_keeps_previous_language.sql",
        sha256="de7151095579a8c9cf66bb3c803c8eade2cbc42a6c920cb1b7f474b96ebc6336",
        undo="DROP TRIGGER dataset_keeps_previous_language ON datasets_dataset",
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
        "triggers/rebuild_moves_along_its_arrows.sql",
        sha256="b6350bdede621fb09ce939e6b96a39a616003a823b4b4c31eab8768d9d0558d1",
        undo="DROP TRIGGER rebuild_moves_along_its_arrows ON segments_fulltextrebuild",
    ),
    RunSQLFile(
        "triggers/rebuild_epoch_never_falls.sql",
        sha256="e7e82e719cf29de1ba9060b5407b8b3c673416690d0f04eb48e50589a720b0c0",
        undo="DROP TRIGGER rebuild_epoch_never_falls ON segments_fulltextrebuild",
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
    dependencies = [
        ("segments", "0002_tables"),
        # The queue's own tables, which hold the schedules that are made after migrating.
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [*TABLES, *FULL_TEXT, *LANGUAGE, *STATES, *BUDGET, *METRICS]
