"""Writes to accounts: signing up, joining a guest's past, preferences."""

from collections.abc import Iterable
from datetime import date

from django.db import IntegrityError, transaction
from django.utils import timezone

from shop.models import Category, Profile, User
from shop.services.carts import merge_guest_cart
from shop.signals import account_changed, visitor_logged_in
from shop.visitors import Visitor


class EmailTaken(ValueError):
    """An account with this email, in whatever case, is there already."""


def sign_up(*, email: str, password: str, name: str = "") -> User:
    """Return a new account; raise EmailTaken, also when two sign-ups race."""
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, name=name)
    except IntegrityError as error:
        raise EmailTaken("There is an account with this email already. Log in instead.") from error


@transaction.atomic
def join_guest(visitor: Visitor) -> None:
    """Give the account what its browser gathered as a guest: the cart here, the rest by listeners."""
    merge_guest_cart(visitor)
    visitor_logged_in.send(User, visitor=visitor)


@transaction.atomic
def save_preferences(
    user: User, *, categories: Iterable[Category], region: str = "", birth_date: date | None = None
) -> Profile:
    """Return the profile with the picker's answers; answering nothing counts as having been asked."""
    profile, _ = Profile.objects.get_or_create(user=user)
    profile.preferences.set(categories)
    profile.region = region
    profile.birth_date = birth_date
    profile.preferences_asked_at = timezone.now()
    profile.save()
    account_changed.send(User, user_id=user.pk)
    return profile


def skip_preferences(user: User) -> None:
    """Remember that the picker was shown and skipped; what was answered before stays."""
    Profile.objects.get_or_create(user=user)
    Profile.objects.filter(user=user).update(preferences_asked_at=timezone.now())


def set_personalised(user: User, *, personalised: bool) -> None:
    """Let the account's past shape what it is shown, or, paused, neither use it nor add to it."""
    Profile.objects.update_or_create(user=user, defaults={"personalised": personalised})
    account_changed.send(User, user_id=user.pk)
