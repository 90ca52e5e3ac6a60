"""A user who has a mail address instead of a name, and a UUID instead of a number."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class PersonManager(BaseUserManager["Person"]):
    """Makes people."""

    def create_superuser(self, email: str, password: str, **fields: Any) -> "Person":
        """Somebody who may do everything."""
        person = self.model(email=email, is_staff=True, is_superuser=True, **fields)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    """A person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    objects: ClassVar = PersonManager()

    def __str__(self) -> str:
        return self.email
