"""Admin pages of tenants, their members, datasets and documents."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from datasets.access import Actor, acting
from datasets.forms import (
    FIXED_DATASET_FIELDS,
    FIXED_DOCUMENT_FIELDS,
    DatasetForm,
    DocumentForm,
    InvitationForm,
    MembershipForm,
)
from datasets.invitations import accept, decline, invitations_for
from datasets.models import Dataset, Document, Invitation, Membership, Tenant
from datasets.tenant_admin import TenantScopedAdmin, access_of
from datasets.wording import how_many


class MembershipInline(admin.TabularInline[Membership, Tenant]):
    """The members of a tenant, managed by its owners."""

    model = Membership
    form = MembershipForm
    extra = 0
    verbose_name_plural = "Members"
    template = "admin/members.html"  # Django's own, whose first header is empty

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Includes the users, to show their names."""
        return super().get_queryset(request).select_related("user")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members see each other."""
        return obj is None or access_of(request).may_see(obj.pk)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return obj is None or access_of(request).may_own(obj.pk)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers; owners invite."""
        return access_of(request).everywhere

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return self.has_change_permission(request, obj)


class InvitationInline(admin.TabularInline[Invitation, Tenant]):
    """Who is invited and has not answered yet; made and taken back by owners."""

    model = Invitation
    form = InvitationForm
    extra = 0
    template = "admin/members.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return obj is None or access_of(request).may_own(obj.pk)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return self.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        return self.has_view_permission(request, obj)


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin[Tenant]):
    """Organisations and their members; only superusers create and delete them."""

    tenant_path = "pk"
    fields = ("name",)
    ordering = ("name",)
    list_display = ("name", "members", "datasets_count", "created_at")
    search_fields = ("name",)
    inlines = (MembershipInline, InvitationInline)

    def tenant_of(self, obj: Tenant) -> Any:
        """The tenant itself."""
        return obj.pk

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Includes the number of members and datasets of each."""
        return (
            super()
            .get_queryset(request)
            .annotate(
                member_count=Count("memberships", distinct=True),
                dataset_count=Count("datasets", distinct=True),
            )
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return access_of(request).everywhere

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Superusers."""
        return access_of(request).everywhere

    def has_change_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        """Owners and superusers."""
        return obj is not None and access_of(request).may_own(obj.pk)

    def save_formset(
        self, request: HttpRequest, form: Any, formset: "BaseModelFormSet[Any, Any]", change: bool
    ) -> None:
        """Record who has invited somebody."""
        for inline in formset.forms:
            if isinstance(inline.instance, Invitation) and inline.instance._state.adding:
                inline.instance.invited_by_id = request.user.pk
        super().save_formset(request, form, formset, change)

    @admin.display(ordering="member_count")
    def members(self, tenant: Any) -> int:
        """How many people belong to it."""
        return int(tenant.member_count)

    @admin.display(description="datasets", ordering="dataset_count")
    def datasets_count(self, tenant: Any) -> int:
        """How many datasets it has."""
        return int(tenant.dataset_count)

    def deletion_text(self, obj: Any) -> str:
        """Says what is deleted with it."""
        return f"{obj} with its {how_many(obj.dataset_count, 'dataset')} and everything in them"


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    """The invitations of the user who is looking, to accept or decline."""

    list_display = ("tenant", "role", "invited_by", "created_at")
    change_form_template = "admin/datasets/invitation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Their own."""
        return invitations_for(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever has one; the login page asks for nobody, and needs no database."""
        return request.user.is_authenticated and invitations_for(request.user).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever it is for; the list has no others."""
        return obj is None or obj.username == request.user.get_username()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: owners invite on the page of their tenant."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it is declined instead."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The invitation, or its answer."""
        invitation = self.get_object(request, object_id)
        if invitation is None or request.method != "POST":
            return super().change_view(request, object_id, form_url, extra_context)
        with acting(Actor.of(request.user, "admin")):
            if "accept" in request.POST:
                accept(invitation, request.user)  # type: ignore[arg-type]  # staff
                done = f"You are now a member of {invitation.tenant}."
            else:
                decline(invitation)
                done = f"You have declined the invitation to {invitation.tenant}."
        self.message_user(request, done)
        return redirect("admin:index")


class DatasetAdmin(TenantScopedAdmin[Dataset]):
    """Knowledge bases, with their sizes.

    `segments.admin` adds the change of model and registers it.
    """

    form = DatasetForm
    ordering = ("name", "pk")
    list_display = (
        "name",
        "tenant",
        "documents_count",
        "segments_count",
        "technique",
        "vectors_of",
    )
    list_filter = ("indexing_technique", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("tenant",)
    search_fields = ("name", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        """Includes the totals of the documents: segments are never counted one by one."""
        return (
            super()
            .get_queryset(request)
            .annotate(
                document_count=Count("documents"),
                segment_count=Coalesce(Sum("documents__segment_count"), 0),
            )
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A dataset keeps its tenant, and once it has segments, what they were made with."""
        if obj is None:
            return ()
        return ("tenant", *FIXED_DATASET_FIELDS) if obj.segment_count else ("tenant",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The installation's default model."""
        return {
            "embedding_model_provider": settings.SEGMILL_EMBEDDING_PROVIDER,
            "embedding_model": settings.SEGMILL_EMBEDDING_MODEL,
            **super().get_changeform_initial_data(request),
        }

    def save_model(
        self, request: HttpRequest, obj: Dataset, form: ModelForm[Dataset], change: bool
    ) -> None:
        """Record who created a new dataset."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    @admin.display(description="documents", ordering="document_count")
    def documents_count(self, dataset: Any) -> str:
        """How many documents it has."""
        return f"{dataset.document_count:,}"

    @admin.display(description="segments", ordering="segment_count")
    def segments_count(self, dataset: Any) -> str:
        """How many segments its documents have."""
        return f"{dataset.segment_count:,}"

    @admin.display(ordering="indexing_technique")
    def technique(self, dataset: Dataset) -> str:
        """The indexing technique, readable."""
        return dataset.indexing_technique.replace("_", " ")

    @admin.display(description="embedding model", ordering="embedding_model")
    def vectors_of(self, dataset: Dataset) -> str:
        """The embedding model, or a dash if the dataset has no vectors."""
        return dataset.embedding_model if dataset.has_vectors else "–"

    def deletion_text(self, obj: Any) -> str:
        """Says what is deleted with it."""
        segments = how_many(obj.segment_count, "segment")
        return f"{obj} with its {how_many(obj.document_count, 'document')} and {segments}"


class DocumentAdmin(TenantScopedAdmin[Document]):
    """Documents, with their totals; `segments.admin` adds the import and registers it."""

    form = DocumentForm
    list_display = ("name", "dataset", "doc_form", "segments_count", "tokens_count", "available")
    list_filter = (
        "enabled",
        "archived",
        "doc_form",
        ("dataset", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("dataset",)
    search_fields = ("name",)
    list_per_page = 50
    totals: ClassVar = ("segments_count", "words", "tokens_count", "created_by", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The totals, and once there are segments, the form they were made for."""
        if obj is None:
            return ()
        made_for = FIXED_DOCUMENT_FIELDS if obj.segment_count else ()
        return ("dataset", *made_for, *self.totals)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The form's fields, then the totals."""
        return (*DocumentForm.Meta.fields, *(self.totals if obj else ()))

    def save_model(
        self, request: HttpRequest, obj: Document, form: ModelForm[Document], change: bool
    ) -> None:
        """Give a new document the tenant of its dataset, and record who created it.

        A change saves only the changed fields: an import may be updating the totals.
        """
        if change:
            obj.save(update_fields=[*form.changed_data, "updated_at"])
        else:
            obj.tenant_id = obj.dataset.tenant_id
            obj.created_by_id = request.user.pk
            obj.save()

    @admin.display(description="segments", ordering="segment_count")
    def segments_count(self, document: Document) -> str:
        """How many segments it has."""
        return f"{document.segment_count:,}"

    @admin.display(description="characters", ordering="word_count")
    def words(self, document: Document) -> str:
        """The characters of all its segments."""
        return f"{document.word_count:,}"

    @admin.display(description="tokens", ordering="tokens")
    def tokens_count(self, document: Document) -> str:
        """The tokens of all its segments."""
        return f"{document.tokens:,}"

    @admin.display(boolean=True)
    def available(self, document: Document) -> bool:
        """Whether segments may be added now."""
        return document.is_available

    def deletion_text(self, obj: Document) -> str:
        """Says what is deleted with it."""
        segments = how_many(obj.segment_count, "segment")
        return f"{obj} with its {segments} and the history of its imports"
