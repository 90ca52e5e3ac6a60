"""Rules, functions and triggers that the ORM has no words for: the files of `segments/sql/`."""

from django.db import migrations

from segments.db.sql import RunSQLFile

TABLES = [
    RunSQLFile(
        "tables/segments_of_their_tenant.sql",
        sha256="c422d7614dc4c01d21a3218d86714e6f12aec4ac550feec23a8442134782deae",
        undo="ALTER TABLE segments_documentsegment DROP CONSTRAINT segment_of_document_of_tenant",
    ),
    RunSQLFile(
        "tables/imports_of_their_tenant.sql",
        sha256="1c91f2d92fc2eb624c8240a6d7222298a984a42f51247fa15101a7b9d62c5754",
        undo="ALTER TABLE segments_importjob DROP CONSTRAINT import_of_document_of_tenant",
    ),
    RunSQLFile(
        "tables/parts_of_their_import.sql",
        sha256="871a6ff3c2b6f361463e00c94683539153e0f846114a11984385222004b59bff",
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
        "tables/changes_of_their_document.sql",
        sha256="a9ecc274a9c7d45fbd8109a83b55fc2858635359bbaba3261f9d6acdb3828168",
        undo="ALTER TABLE segments_segmentchange DROP CONSTRAINT segment_change_of_document",
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
        sha256="69161e2e5614f05efe3db194d087fc6ab933863bb7cd79842ff1dd1e8c35d4b0",
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
        sha256="73aee9ac6cc7d717a8dd0108081236243d95833805290b90902431d4f95e2b07",
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
        sha256="868cb0cc81a144754bcdbb930329a09ac290a69f2be5639e356fd1f26dc9d5f1",
        undo="DROP FUNCTION segments_refuse_wrong_move",
    ),
    RunSQLFile(
        "functions/refuse_falling_epoch.sql",
        sha256="b774fbfbfc084dda8ee1fa2f64bc03016f8eae2f1edd5fdd172c0129557a6481",
        undo="DROP FUNCTION segments_refuse_falling_epoch",
    ),
    RunSQLFile(
        "triggers/import_moves_along_its_arrows.sql",
        sha256="e424029492126e03116c5a1a617ca54aefdfa0ccf3dc873e6c276fa8ac385bb5",
        undo="DROP TRIGGER import_moves_along_its_arrows ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/chunk_moves_along_its_arrows.sql",
        sha256="3a5d52451261e287cf6350ca3767ec1fc8250173753bd635d8f1df1e5b592fcb",
        undo="DROP TRIGGER chunk_moves_along_its_arrows ON segments_chunk",
    ),
    RunSQLFile(
        "triggers/import_epoch_never_falls.sql",
        sha256="29733258752fa04e4f3335e416d292a26a2891488354b3aa6489211cc0c2c424",
        undo="DROP TRIGGER import_epoch_never_falls ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/reembedding_moves_along_its_arrows.sql",
        sha256="7e6e1f4644ec6238195857b440eb978df69acfaf2d3144db07ad9d7d06a8e876",
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
        "triggers/delivery_moves_along_its_arrows.sql",
        sha256="894ce8e9a2f8c2ef1f8ce9b7fc26b1ee7bd4ca9a552c7aa6a50262629a98761f",
        undo="DROP TRIGGER delivery_moves_along_its_arrows ON segments_webhookdelivery",
    ),
    RunSQLFile(
        "triggers/delivery_epoch_never_falls.sql",
        sha256="2ed9ae22a05c4e988d094099e3914776cefaa79eaa7a8d641435eca72681c21f",
        undo="DROP TRIGGER delivery_epoch_never_falls ON segments_webhookdelivery",
    ),
    RunSQLFile(
        "triggers/chunk_epoch_never_falls.sql",
        sha256="346708a686af2b96a8e43a91e6a26e8e16ef401ba6ab3ae6a875da592eb40acc",
        undo="DROP TRIGGER chunk_epoch_never_falls ON segments_chunk",
    ),
    RunSQLFile(
        "triggers/index_generation_moves_along_its_arrows.sql",
        sha256="69adb438502b33e3de3b52649006aa965f36f26012d78dfb9690af8bfdcc3dc4",
        undo="DROP TRIGGER index_generation_moves_along_its_arrows ON segments_indexgeneration",
    ),
    RunSQLFile(
        "triggers/index_generation_epoch_never_falls.sql",
        sha256="8fecd792e61b73fe2abf7eb5638c1dba47d23165917f83579201ae0434e2230a",
        undo="DROP TRIGGER index_generation_epoch_never_falls ON segments_indexgeneration",
    ),
]
VERSIONS = [
    RunSQLFile(
        "functions/draw_version.sql",
        sha256="caed711174b2bd7adc23d5a15d935f69c2b4d4726f7758ed5b89ad21998f096d",
        undo="DROP FUNCTION segments_draw_version",
    ),
    RunSQLFile(
        "functions/announce_versions.sql",
        sha256="bc1e497602500f2d275cd3a96f2b78f0ac284cdc7b43adbd7d3bac4b45d075b1",
        undo="DROP FUNCTION segments_announce_versions",
    ),
    RunSQLFile(
        "triggers/segment_version_on_update.sql",
        sha256="e579e737ef24f88d881faf4a4e73c559f02ef498740fffdfca22cc29bdb853bc",
        undo="DROP TRIGGER segment_version_on_update ON segments_documentsegment",
    ),
    RunSQLFile(
        "triggers/segment_versions_are_announced.sql",
        sha256="925507df6aed32a73d3c9af984065469d0c16ad34c703bc294c29f6e954235ca",
        undo="DROP TRIGGER segment_versions_are_announced ON segments_documentsegment",
    ),
]
FILTERS = [
    RunSQLFile(
        "functions/number_of.sql",
        sha256="9bcc5cae230f980ac4e1cd448a1f6175d1ce0cb310edaf956959e498a037d94e",
        undo="DROP FUNCTION segments_number_of",
    ),
    RunSQLFile(
        "functions/seconds_of.sql",
        sha256="de9be9d6b541073f5962f5c3c2faa082ba4bb165b607690a498477aa1a8c628e",
        undo="DROP FUNCTION segments_seconds_of",
    ),
    RunSQLFile(
        "functions/values_of.sql",
        sha256="6f48ef5be9053dd66022a3d9ee9b46dc93a9cd5d12b3f884a00a90ab22a2b0a6",
        undo="DROP FUNCTION segments_values_of",
    ),
]
BUDGET = [
    RunSQLFile(
        "functions/take_budget.sql",
        sha256="b524ca5abb3e49dfeeb8ade2b30e737afe8622012804f597efc10ade791fb4fc",
        undo="DROP FUNCTION segments_take_budget",
    ),
]
METRICS = [
    RunSQLFile(
        "functions/keep_deleted_import.sql",
        sha256="a0e7d2821cbf8ce9c4aaf8d8a4929cc992b617f30ab07d28feedc53e8da9288d",
        undo="DROP FUNCTION segments_keep_deleted_import",
    ),
    RunSQLFile(
        "functions/keep_deleted_reembedding.sql",
        sha256="3c4c2a1cd2620f744dcfa276577332cb2e8242262e850c9077d658ac37138304",
        undo="DROP FUNCTION segments_keep_deleted_reembedding",
    ),
    RunSQLFile(
        "triggers/deleted_import_is_kept.sql",
        sha256="86f0ee0a6c5d8bc3bfcfa279ba1282763dd346386447879cf87c5b512ec681fe",
        undo="DROP TRIGGER deleted_import_is_kept ON segments_importjob",
    ),
    RunSQLFile(
        "triggers/deleted_reembedding_is_kept.sql",
        sha256="a071fd53f37da22da3c52143ba18a070708a669bb9796546e4359e1a4b4b996c",
        undo="DROP TRIGGER deleted_reembedding_is_kept ON segments_reembedding",
    ),
]
AUDIT = [
    RunSQLFile(
        "functions/refuse_change_of_audit.sql",
        sha256="862e547ebda527b86129613a4a938c1231bc5d41f01d612b42adedb05bb37942",
        undo="DROP FUNCTION segments_refuse_change_of_audit",
    ),
    RunSQLFile(
        "triggers/audit_log_is_append_only.sql",
        sha256="e2f4d6d0d3527f68fab13f249b65f86567907544ae62a73af658d1b45ed5095b",
        undo="DROP TRIGGER audit_log_is_append_only ON segments_auditentry",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_tables")]
    operations = [
        *TABLES,
        *FULL_TEXT,
        *LANGUAGE,
        *STATES,
        *VERSIONS,
        *FILTERS,
        *BUDGET,
        *METRICS,
        *AUDIT,
    ]
