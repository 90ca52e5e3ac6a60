"""Who may see and change what belongs to a tenant, and who is doing so now."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from datasets.models import Membership

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, for the audit log: their id and name, empty for a program, and how."""

    id: str
    name: str
    via: str

    @classmethod
    def of(cls, user: Any, via: str) -> "Actor":
        """The actor that a user is; a program, if there is none."""
        is_known = user is not None and user.pk is not None
        return cls(str(user.pk), user.get_username(), via) if is_known else cls("", "", via)


_actor: ContextVar[Actor | None] = ContextVar("segmill_actor", default=None)


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """Whatever is done within is done by `actor`, or by whom `act_as` then says."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def act_as(actor: Actor) -> None:
    """The actor is known only now; within `acting`."""
    _actor.set(actor)


def current_actor() -> Actor | None:
    """Who is acting; None where nobody has said so."""
    return _actor.get()


@dataclass(frozen=True, slots=True)
class Access:
    """What one user may do: `roles` by tenant, or everything `everywhere` for a superuser."""

    everywhere: bool = False
    roles: Mapping[UUID, str] = field(default_factory=dict)

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> "Access":
        """The access of `user`; none if they are anonymous or inactive."""
        if not user.is_active:
            return cls()
        if getattr(user, "is_superuser", False):
            return cls(everywhere=True)
        memberships = Membership.objects.filter(user=user.pk)
        return cls(roles=dict(memberships.values_list("tenant_id", "role")))

    @property
    def sees_anything(self) -> bool:
        """Whether the user may see any tenant."""
        return self.everywhere or bool(self.roles)

    @property
    def edits_anything(self) -> bool:
        """Whether the user may change things in any tenant."""
        return self.everywhere or bool(self._tenants(Membership.EDITING_ROLES))

    @property
    def owns_anything(self) -> bool:
        """Whether the user owns any tenant."""
        return self.everywhere or bool(self._tenants((Membership.Role.OWNER,)))

    def may_see(self, tenant_id: UUID) -> bool:
        """Whether the user may see what belongs to the tenant."""
        return self.everywhere or tenant_id in self.roles

    def may_edit(self, tenant_id: UUID) -> bool:
        """Whether the user may import, cancel, undo and change things in the tenant."""
        return self.everywhere or self.roles.get(tenant_id) in Membership.EDITING_ROLES

    def may_own(self, tenant_id: UUID) -> bool:
        """Whether the user may manage the tenant's members and model providers."""
        return self.everywhere or self.roles.get(tenant_id) == Membership.Role.OWNER

    def visible(self, objects: QuerySet[M], tenant_path: str = "tenant") -> QuerySet[M]:
        """The `objects` that the user may see; `tenant_path` leads to their tenant."""
        return self._within(objects, tenant_path, list(self.roles))

    def editable(self, objects: QuerySet[M], tenant_path: str = "tenant") -> QuerySet[M]:
        """The `objects` that the user may change."""
        return self._within(objects, tenant_path, self._tenants(Membership.EDITING_ROLES))

    def owned(self, objects: QuerySet[M], tenant_path: str = "tenant") -> QuerySet[M]:
        """The `objects` in tenants that the user owns."""
        return self._within(objects, tenant_path, self._tenants((Membership.Role.OWNER,)))

    def _tenants(self, roles: tuple[Any, ...]) -> list[UUID]:
        return [tenant for tenant, role in self.roles.items() if role in roles]

    def _within(self, objects: QuerySet[M], tenant_path: str, tenants: list[UUID]) -> QuerySet[M]:
        return objects if self.everywhere else objects.filter(**{f"{tenant_path}__in": tenants})
