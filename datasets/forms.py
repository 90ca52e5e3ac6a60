"""Admin forms for members, datasets and documents."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model
from django.db import transaction

from datasets.languages import LANGUAGES, configuration_of
from datasets.models import (
    DEFAULT_SEMANTIC_WEIGHT,
    Dataset,
    Document,
    IndexingTechnique,
    Invitation,
    Membership,
    WeightSource,
)
from datasets.text_search import known_text_search_configs


def text_search_configs() -> list[tuple[str, str]]:
    """The text search configurations of this PostgreSQL server, as choices."""
    return [(name, name) for name in known_text_search_configs()]


def languages() -> list[tuple[str, str]]:
    """All languages by name, as choices; none for one that the first import shows."""
    by_name = sorted(LANGUAGES.items(), key=lambda pair: pair[1])
    return [("", "Found by the first import"), *by_name]


class InvitationForm(forms.ModelForm[Invitation]):
    """Somebody invited by user name, whether or not there is anybody of that name."""

    username = forms.CharField(max_length=150, label="User name")

    class Meta:
        model = Invitation
        fields: ClassVar = ["username", "role"]


class MembershipForm(forms.ModelForm[Membership]):
    """A member, by user name; whoever may add one without an invitation sees all users anyway."""

    username = forms.CharField(max_length=150, label="User name")

    class Meta:
        model = Membership
        fields: ClassVar = ["username", "role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["username"].initial = self.instance.user.get_username()
            self.fields["username"].disabled = True

    def clean_username(self) -> str:
        """The name of an active user.

        Raises:
            ValidationError: there is no active user with that name.
        """
        name: str = self.cleaned_data["username"]
        users = get_user_model()
        found = {users.USERNAME_FIELD: name, "is_active": True}
        user = users.objects.filter(**found).first()
        if user is None:
            raise forms.ValidationError(
                f"There is no user “{name}”. Ask an administrator to add them first."
            )
        self.instance.user = user
        return name


# What segments are made with or for: fixed once there are segments, which would no longer fit.
FIXED_DATASET_FIELDS = (
    "indexing_technique",
    "embedding_model_provider",
    "embedding_model",
)
FIXED_DOCUMENT_FIELDS = ("doc_form",)


class DatasetForm(forms.ModelForm[Dataset]):
    """A dataset, with languages and the server's text search configurations as choices."""

    language = forms.ChoiceField(
        choices=languages,
        required=False,
        help_text="Can be changed at any time: full text is rebuilt while search goes on.",
    )
    text_search_config = forms.ChoiceField(
        choices=text_search_configs,
        label="Search by words in",
        initial="english",
        help_text="Follows the language unless you choose another one here.",
    )

    semantic_weight = forms.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        widget=forms.NumberInput(attrs={"step": 0.05}),
        help_text="The share of meaning in hybrid search, 0 to 1; the rest is that of words. "
        "Leave it empty to have it learned from the texts.",
    )

    class Meta:
        model = Dataset
        fields: ClassVar = [
            "tenant",
            "name",
            "description",
            "indexing_technique",
            "embedding_model_provider",
            "embedding_model",
            "language",
            "text_search_config",
            "semantic_weight",
            "rerank_provider",
            "rerank_model",
            "enable_api",
        ]
        labels: ClassVar = {
            "semantic_weight": "Share of meaning in search",
            "rerank_provider": "Reranking: provider",
            "rerank_model": "Reranking: model",
            "enable_api": "Open to programs (API)",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.semantic_weight_source == WeightSource.DEFAULT:
            self.initial["semantic_weight"] = None

    def clean(self) -> dict[str, Any] | None:
        """Refuse vectors without a model, and changes to what existing segments were made with.

        An import may have filled the dataset since the form was shown; this waits for one that
        is publishing now.
        """
        cleaned = super().clean()
        if cleaned and cleaned.get("indexing_technique") == IndexingTechnique.HIGH_QUALITY:
            for name in ("embedding_model_provider", "embedding_model"):
                if name in cleaned and not cleaned[name]:
                    self.add_error(
                        name, "High quality needs a model. Enter one, or choose economy."
                    )
        if cleaned and "semantic_weight" in cleaned:
            self._take_weight(cleaned)
        is_followed = "language" in self.changed_data and (
            "text_search_config" not in self.changed_data
        )
        if cleaned and cleaned.get("language") and is_followed:
            cleaned["text_search_config"] = configuration_of(cleaned["language"])
        if _changes(self, FIXED_DATASET_FIELDS):
            with transaction.atomic():
                Dataset.objects.select_for_update(no_key=True).get(pk=self.instance.pk)
                documents = Document.objects.filter(dataset=self.instance.pk)
                if documents.filter(segment_count__gt=0).exists():
                    _refuse(self, FIXED_DATASET_FIELDS)
        return cleaned

    def _take_weight(self, cleaned: dict[str, Any]) -> None:
        """A weight that was entered is set by hand; an empty one will be learned."""
        if cleaned["semantic_weight"] is None:
            cleaned["semantic_weight"] = DEFAULT_SEMANTIC_WEIGHT
            self.instance.semantic_weight_source = WeightSource.DEFAULT
            self.instance.semantic_weight_basis = {}
        elif "semantic_weight" in self.changed_data:
            self.instance.semantic_weight_source = WeightSource.SET
            self.instance.semantic_weight_basis = {}


class DocumentForm(forms.ModelForm[Document]):
    """A document; its tenant is that of its dataset."""

    class Meta:
        model = Document
        fields: ClassVar = [
            "dataset",
            "name",
            "doc_form",
            "enabled",
            "archived",
        ]
        labels: ClassVar = {"doc_form": "Kind", "enabled": "Found by search"}

    def clean(self) -> dict[str, Any] | None:
        """Refuse a change of form if an import has filled the document since.

        This waits for an import that is publishing now.
        """
        cleaned = super().clean()
        if _changes(self, FIXED_DOCUMENT_FIELDS):
            with transaction.atomic():
                documents = Document.objects.select_for_update(no_key=True)
                if documents.get(pk=self.instance.pk).segment_count:
                    _refuse(self, FIXED_DOCUMENT_FIELDS)
        return cleaned


def _changes(form: forms.ModelForm[Any], names: Sequence[str]) -> bool:
    """Whether the form changes one of the fields `names` of an existing object."""
    return not form.instance._state.adding and not set(form.changed_data).isdisjoint(names)


def _refuse(form: forms.ModelForm[Any], names: Sequence[str]) -> None:
    for name in set(names).intersection(form.changed_data):
        form.add_error(name, "This can no longer be changed, because segments exist.")
