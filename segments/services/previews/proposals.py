"""What a file is proposed to become, before anybody has said where it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from django.contrib.auth.models import User

from datasets.exceptions import NAME_CHARS
from datasets.models import Dataset, DocForm, Document, Tenant
from datasets.wording import how_many
from segments.files.options import ImportMode, ImportOptions
from segments.languages.detection import detect
from segments.services import targets
from segments.services.previews import (
    Preview,
    guessed_doc_form,
    is_document,
    opened,
    preview_import,
    sample_texts,
)
from segments.services.targets import ImportTarget
from segments.uploads import StoredFile

# A file is an update of its document if so many of its rows are in it already.
KNOWN_SHARE = 0.5
DATASETS_OFFERED = 200
CONSEQUENCES = {
    ImportMode.UPSERT: "They are updated where they differ, and not added again",
    ImportMode.REPLACE: "They stay as they are; all others are replaced by those of the file",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where a file may go: the names, the document (perhaps unsaved), and what is there to choose.

    `is_new_dataset` and `is_new_document` say what would be created.
    """

    document: Document
    datasets: Sequence[str]
    is_new_dataset: bool
    is_new_document: bool


def propose_target(
    tenant: Tenant, stored: StoredFile, options: ImportOptions, wanted: ImportTarget
) -> Proposal:
    """The place that is wanted; where a name is missing, one found or made from the file's.

    Raises:
        FileRefused: the file cannot be read with these options.
        ImportRefused: the place exists, but is of another kind.
    """
    names = list(
        Dataset.objects.filter(tenant=tenant)
        .order_by("-updated_at")
        .values_list("name", flat=True)[:DATASETS_OFFERED]
    )
    wanted = _named(tenant, stored, wanted, names if _suits(tenant, stored, options) else [])
    with opened(stored) as file:
        form = guessed_doc_form(file, stored.name, options)
    document = targets.plan_target(replace(wanted, tenant=tenant.name), form)
    is_new = document._state.adding
    return Proposal(document, names, document.dataset._state.adding, is_new)


def create_proposed(
    tenant: Tenant,
    stored: StoredFile,
    options: ImportOptions,
    wanted: ImportTarget,
    user: User | None = None,
) -> Document:
    """The document of a proposal that was accepted, created by `user` if it does not exist.

    Raises:
        ImportRefused: it cannot be created, or is of another kind.
    """
    proposal = propose_target(tenant, stored, options, wanted)
    names = replace(
        wanted,
        tenant=tenant.name,
        dataset=proposal.document.dataset.name,
        document=proposal.document.name,
    )
    return targets.create_target(names, DocForm(proposal.document.doc_form), user)


def preview_as_proposed(
    document: Document,
    stored: StoredFile,
    options: ImportOptions,
    most_rows: int,
    *,
    is_mode_chosen: bool,
) -> tuple[Preview, ImportOptions]:
    """The preview, and the options with the mode that suits.

    Most of the rows are in the document already: then they update it instead of being added again.

    Raises:
        ImportRefused: the document takes no segments now, or its model is not available.
        FileRefused: the file cannot be read with these options.
    """
    if not is_mode_chosen and document.segment_count:
        with opened(stored) as file:
            is_text = is_document(file, stored.name, options)
        mode = ImportMode.REPLACE if is_text else ImportMode.UPSERT
        updating = replace(options, mode=mode)
        found = preview_import(document, stored, updating, most_rows)
        known = found.plan.updated + found.plan.unchanged
        if known and known >= KNOWN_SHARE * found.good:
            found.notices.insert(
                0,
                f"{known:,} of {how_many(found.good, 'row')} {'is' if known == 1 else 'are'} in "
                f"“{document.name}” already. "
                f"{CONSEQUENCES[mode]} (existing segments: “{mode.label}”).",
            )
            return found, updating
    return preview_import(document, stored, options, most_rows), options


def _suits(tenant: Tenant, stored: StoredFile, options: ImportOptions) -> bool:
    """Whether the file may be in the language of the tenant's one dataset.

    Full text has one language a dataset; words of another one are hardly found.
    """
    languages = list(Dataset.objects.filter(tenant=tenant).values_list("language", flat=True)[:2])
    if len(languages) != 1 or not languages[0]:
        return True
    with opened(stored) as file:
        found = detect(sample_texts(file, stored.name, options))
    return found in ("", languages[0])


def _named(
    tenant: Tenant, stored: StoredFile, wanted: ImportTarget, names: Sequence[str]
) -> ImportTarget:
    """The place with a name for everything: of a document called like the file, if there is one."""
    stem = PurePath(stored.name.removesuffix(".gz")).stem.strip() or "Imported"
    name = wanted.document or stem.removesuffix("-bad-rows")[:NAME_CHARS]
    if wanted.dataset:
        return replace(wanted, document=name)
    alike = Document.objects.filter(tenant=tenant, name=name).select_related("dataset")
    same = alike.order_by("-updated_at").first()
    if same is not None:
        return replace(wanted, dataset=str(same.dataset_id), document=str(same.pk))
    dataset = names[0] if len(names) == 1 else name
    return replace(wanted, dataset=dataset, document=name)
