"""Accounts that log in by email, and what a shopper told us about themselves."""

from datetime import date
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    """Creates accounts by email."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("An account needs an email address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        Profile.objects.using(self._db).create(user=user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the account of an email in any case, found in the index that keeps it unique."""
        return self.alias(address=Lower("email")).get(address=Lower(Value(username)))


class User(AbstractUser):
    """An account; the email is the login, whatever its case."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    external_id = models.CharField(
        max_length=64, null=True, blank=True, unique=True, help_text="The user's id in imported data."
    )

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return (self.name or self.email).split()[0]


class Profile(models.Model):
    """A shopper's preferences and the facts that eligibility needs."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile")
    preferences = models.ManyToManyField("shop.Category", blank=True, related_name="fans")
    preferences_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the preference picker was answered or skipped."
    )
    region = models.CharField(max_length=2, blank=True, help_text="ISO 3166 alpha-2 country code.")
    birth_date = models.DateField(null=True, blank=True)
    personalised = models.BooleanField(
        default=True, help_text="Off: lists are the same for everybody, and nothing new is learned."
    )

    def __str__(self) -> str:
        return f"Profile of {self.user}"

    def age_on(self, day: date) -> int | None:
        """Return the age in whole years, or None when the birth date is unknown."""
        if self.birth_date is None:
            return None
        born = self.birth_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
