"""Forms of the admin for tenants, members, datasets and documents."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model

from datasets.models import Dataset, Document, Membership
from datasets.text_search import known_text_search_configs


def text_search_configs() -> list[tuple[str, str]]:
    """The text search configurations of this PostgreSQL server, as choices."""
    return [(name, name) for name in known_text_search_configs()]


class MembershipForm(forms.ModelForm[Membership]):
    """A member by user name: a list of all users would show one tenant's people to another."""

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
            ValidationError: nobody has that name.
        """
        name: str = self.cleaned_data["username"]
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                f"There is no user “{name}”. Ask an administrator to add them first."
            )
        self.instance.user = user
        return name


class DatasetForm(forms.ModelForm[Dataset]):
    """A dataset, with the text search configurations that the server has."""

    text_search_config = forms.ChoiceField(
        choices=text_search_configs,
        initial="english",
        help_text="The language of full-text search; “simple” for languages without their own.",
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
            "text_search_config",
            "enable_api",
        ]


class DocumentForm(forms.ModelForm[Document]):
    """A document, which belongs to the tenant of its dataset."""

    class Meta:
        model = Document
        fields: ClassVar = [
            "dataset",
            "name",
            "doc_form",
            "indexing_status",
            "enabled",
            "archived",
        ]
