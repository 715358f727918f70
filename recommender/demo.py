"""The demonstration's people: an administrator and two shoppers of the data with different tastes."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import Count

from recommender.models import Interaction
from shop.models import User

PASSWORD = "demo-password"  # noqa: S105 - printed by the demo, which refuses to run in production
ADMIN_EMAIL = "admin@example.com"
LIKED = (Interaction.Kind.CART_ADD, Interaction.Kind.PURCHASE)


@dataclass(frozen=True, kw_only=True)
class Login:
    """Somebody to log in as, and what they are known for."""

    email: str
    description: str


def create_logins() -> list[Login]:
    """Return the demo's logins, the administrator's first; each has PASSWORD from now on."""
    admin = User.objects.filter(email=ADMIN_EMAIL).first()
    if admin is None:
        admin = User.objects.create_superuser(ADMIN_EMAIL, PASSWORD, name="Administrator")
    known = admin.check_password(PASSWORD)
    description = "administrator" if known else "administrator, with the password you gave"
    logins = [Login(email=ADMIN_EMAIL, description=description)]
    for user, department in choose_shoppers():
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        logins.append(
            Login(email=user.email, description=f"shopper who likes {department.replace('-', ' ')}")
        )
    return logins


def choose_shoppers() -> list[tuple[User, str]]:
    """Return two shoppers with their favourite departments, which differ; fewer when there are no such two.

    Each is the one with the largest share of purchases and cart additions in one department, among the
    half of the shoppers who did most.
    """
    liked = departments_by_user()
    active = sorted(liked, key=lambda user_id: (-liked[user_id].total(), user_id))[: max(2, len(liked) // 2)]

    def devotion(user_id: int) -> tuple[float, int]:
        (_, count), *_ = liked[user_id].most_common(1)
        return -count / liked[user_id].total(), user_id

    chosen: dict[str, int] = {}
    for user_id in sorted(active, key=devotion):
        department = liked[user_id].most_common(1)[0][0]
        chosen.setdefault(department, user_id)
        if len(chosen) == 2:
            break
    users = User.objects.in_bulk(chosen.values())
    return [(users[user_id], department) for department, user_id in chosen.items()]


def departments_by_user() -> dict[int, Counter[str]]:
    """Return how many liked products of each department every shopper has; one query."""
    rows = (
        Interaction.objects.filter(kind__in=LIKED, user__is_staff=False, user__is_active=True)
        .values_list("user_id", "product__category__path")
        .annotate(count=Count("id"))
        .order_by("user_id", "product__category__path")
    )
    liked: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for user_id, path, count in rows:
        assert user_id is not None
        liked[user_id][path.split("/")[0]] += count
    return liked
