"""Invitations into a tenant: what a user is told of them, and what becomes of them."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from datasets.models import Invitation, Membership


def invitations_for(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Invitation]:
    """The invitations that the user has not answered yet."""
    open_ones = Invitation.objects.select_related("tenant", "invited_by")
    return open_ones.filter(username=user.get_username())


@transaction.atomic
def accept(invitation: Invitation, user: User) -> Membership:
    """Make the user a member; one who is a member already keeps the role they have."""
    membership, _ = Membership.objects.get_or_create(
        tenant=invitation.tenant, user=user, defaults={"role": invitation.role}
    )
    invitation.delete()
    return membership


def decline(invitation: Invitation) -> None:
    """Remove the invitation; nobody is told."""
    invitation.delete()


@receiver(user_logged_in, dispatch_uid="datasets.invitations")
def tell(sender: Any, request: HttpRequest | None, user: AbstractBaseUser, **kwargs: Any) -> None:
    """Say after a login which tenants the user is invited to."""
    if request is None:
        return
    for invitation in invitations_for(user):
        try:
            page = reverse("admin:datasets_invitation_change", args=[invitation.pk])
        except NoReverseMatch:  # a project without our admin
            return
        text = format_html(
            'You are invited to {}. <a href="{}">Accept or decline</a>', invitation.tenant, page
        )
        messages.info(request, text, fail_silently=True)
