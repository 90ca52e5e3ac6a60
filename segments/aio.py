"""The services and the search for `async` code: the same arguments, results and errors.

Each runs the function of the same name without its `a` in Django's thread for the database, as
Django's own asynchronous interface does, so that an event loop goes on meanwhile.
"""

from asgiref.sync import sync_to_async

from segments.search import search
from segments.services.imports import (
    cancel_import,
    find_import,
    retry_import,
    run_in_foreground,
    start_import,
    undo_import,
)
from segments.services.knowledge import create_dataset, create_document
from segments.services.rows import start_rows_import
from segments.services.segments import delete_segments, update_segment

acreate_dataset = sync_to_async(create_dataset)
acreate_document = sync_to_async(create_document)
astart_import = sync_to_async(start_import)
astart_rows_import = sync_to_async(start_rows_import)
arun_in_foreground = sync_to_async(run_in_foreground)
afind_import = sync_to_async(find_import)
acancel_import = sync_to_async(cancel_import)
aretry_import = sync_to_async(retry_import)
aundo_import = sync_to_async(undo_import)
aupdate_segment = sync_to_async(update_segment)
adelete_segments = sync_to_async(delete_segments)
asearch = sync_to_async(search)
