"""Users of a data set: validated row by row, matched by external id, created or brought up to date."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.functions import Lower

from recommender.importing import fields
from recommender.importing.categories import CategoryTree
from recommender.importing.errors import BadValue
from recommender.importing.fields import Row
from recommender.importing.job import Job, Tally
from recommender.importing.tables import Batch
from shop.models import Profile, User

# RFC 2606 reserves .invalid: no mail can ever reach a stranger.
RESERVED_DOMAIN = "import.invalid"


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """A valid row; values only for columns that the file has."""

    external_id: str
    email: str
    user: dict[str, Any]
    profile: dict[str, Any]
    preferences: frozenset[int] | None  # category ids


class AccountLoader:
    """State that outlives a batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tree = CategoryTree()
        self.tally = Tally()
        self._seen: set[str] = set()
        self._emails: set[str] = set()

    def load(self, batches: Iterable[Batch]) -> dict[str, Tally]:
        """Return what became of the users."""
        for batch in batches:
            self._save(self._valid(batch))
        return {"users": self.tally}

    def _valid(self, batch: Batch) -> list[Shopper]:
        shoppers, bad = [], []
        names = frozenset(batch.table.column_names)
        rows = batch.rows()
        owners = _owners(rows)
        for line, row in zip(batch.lines.tolist(), rows, strict=True):
            try:
                shoppers.append(self._shopper(row, names, owners=owners))
            except BadValue as reason:
                bad.append((line, str(reason), row))
        self.job.rejects.add_all(batch.file, bad)
        return shoppers

    def _shopper(self, row: Row, names: frozenset[str], *, owners: dict[str, str | None]) -> Shopper:
        external_id = fields.text(row, "user_id", max_length=64, required=True)
        if external_id in self._seen:
            raise BadValue("duplicate user_id")
        email = self._email(row, external_id, owners=owners)
        signup, birth = fields.moment(row, "signup_at"), fields.day(row, "birth_date")
        _check_past(signup, birth, now=self.job.now)
        user = {"name": fields.text(row, "name", max_length=150), "date_joined": signup}
        profile = {"region": fields.region(row, "region"), "birth_date": birth}
        preferences = self._preferences(fields.text(row, "preferences", max_length=5000))
        self._seen.add(external_id)
        self._emails.add(email.lower())
        return Shopper(
            external_id=external_id,
            email=email,
            user={name: value for name, value in user.items() if value},
            profile={name: value for name, value in profile.items() if name in names},
            preferences=preferences if "preferences" in names else None,
        )

    def _email(self, row: Row, external_id: str, *, owners: dict[str, str | None]) -> str:
        email = fields.text(row, "email", max_length=254) or reserved_email(external_id)
        try:
            validate_email(email)
        except ValidationError as error:
            raise BadValue("email is not an address") from error
        if email.lower() in self._emails or owners.get(email.lower(), external_id) != external_id:
            raise BadValue("email belongs to another account")
        return email

    def _preferences(self, found: str) -> frozenset[int]:
        paths = [fields.category_path(part, name="preferences") for part in found.split("|")]
        categories = [self.tree.find(levels) for levels in paths if levels]
        self.job.notices["preferences left out: no such category"] += categories.count(None)
        return frozenset(category.pk for category in categories if category)

    def _save(self, shoppers: list[Shopper]) -> None:
        ids = [shopper.external_id for shopper in shoppers]
        there = {
            user.external_id: user
            for user in User.objects.filter(external_id__in=ids).select_related("profile")
        }
        self._create([shopper for shopper in shoppers if shopper.external_id not in there])
        old = [shopper for shopper in shoppers if shopper.external_id in there]
        changed = {s.external_id for s in old if _apply(there[s.external_id], s.user)}
        User.objects.bulk_update([there[name] for name in changed], ["name", "date_joined"], batch_size=500)
        profiles = {s.external_id for s in old if _apply(there[s.external_id].profile, s.profile)}
        Profile.objects.bulk_update(
            [there[name].profile for name in profiles], ["region", "birth_date"], batch_size=500
        )
        changed |= profiles | self._update_preferences(old, there)
        self.tally.changed += len(changed)
        self.tally.unchanged += len(old) - len(changed)

    def _create(self, shoppers: list[Shopper]) -> None:
        users = User.objects.bulk_create(
            [
                # The address is set once, here: a later file cannot move an account to another mailbox.
                User(
                    external_id=s.external_id,
                    email=s.email,
                    password=make_password(None),
                    **{"date_joined": self.job.now, **s.user},
                )
                for s in shoppers
            ],
            batch_size=2000,
        )
        profiles = Profile.objects.bulk_create(
            [
                Profile(
                    user=user, preferences_asked_at=user.date_joined if s.preferences else None, **s.profile
                )
                for user, s in zip(users, shoppers, strict=True)
            ],
            batch_size=2000,
        )
        wanted = {
            (p.pk, category)
            for p, s in zip(profiles, shoppers, strict=True)
            for category in s.preferences or ()
        }
        _link(wanted)
        self.tally.new += len(users)

    def _update_preferences(self, shoppers: list[Shopper], there: dict[str | None, User]) -> set[str]:
        """Return the external ids of users whose preferences the file changed."""
        owner = {there[s.external_id].profile.pk: s for s in shoppers if s.preferences is not None}
        rows = _Preference.objects.filter(profile_id__in=owner).values_list("profile_id", "category_id")
        now = set(rows)
        wanted = {(profile, category) for profile, s in owner.items() for category in s.preferences or ()}
        gone = now - wanted
        for profile in {profile for profile, _ in gone}:
            categories = [category for owner_id, category in gone if owner_id == profile]
            _Preference.objects.filter(profile_id=profile, category_id__in=categories).delete()
        _link(wanted - now)
        return {owner[profile].external_id for profile, _ in now ^ wanted}


_Preference = Profile.preferences.through


def reserved_email(external_id: str) -> str:
    """Return an address that no mail server accepts, one for each external id."""
    plain = re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?", external_id)
    name = external_id if plain else hashlib.sha256(external_id.encode()).hexdigest()[:20]
    return f"user-{name}@{RESERVED_DOMAIN}"


def _owners(rows: Sequence[Row]) -> dict[str, str | None]:
    """Return the external id of the account behind each address in use, None for one of the shop's own."""
    emails = {str(row.get("email") or "").strip().lower() for row in rows}
    ids = (str(row.get("user_id") or "").strip() for row in rows)
    emails.update(reserved_email(external_id) for external_id in ids)
    clean = [email for email in emails if email and "\x00" not in email]
    taken = User.objects.annotate(address=Lower("email")).filter(address__in=clean)
    return dict(taken.values_list("address", "external_id"))


def _check_past(signup: datetime | None, birth: date | None, *, now: datetime) -> None:
    if signup and signup > now:
        raise BadValue("signup_at is in the future")
    if birth and not date(1900, 1, 1) <= birth <= now.date():
        raise BadValue("birth_date is in the future or before 1900")


def _apply(instance: User | Profile, values: dict[str, Any]) -> bool:
    """Return whether the values differed from the instance's; they are its own now."""
    changed = {name: value for name, value in values.items() if getattr(instance, name) != value}
    for name, value in changed.items():
        setattr(instance, name, value)
    return bool(changed)


def _link(pairs: set[tuple[int, int]]) -> None:
    links = [_Preference(profile_id=profile, category_id=category) for profile, category in sorted(pairs)]
    _Preference.objects.bulk_create(links, batch_size=5000)
