"""The demonstration's people."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from recommender import demo
from recommender.models import Interaction
from shop.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def buys(make_product):
    """Return a function that lets a user buy so many products of a department."""

    def buy(user, *, department, times, kind=Interaction.Kind.PURCHASE):
        for _ in range(times):
            product = make_product(category=f"{department} > Things")
            Interaction.objects.create(user=user, product=product, kind=kind, occurred_at=timezone.now())

    return buy


def test_the_two_shoppers_have_different_tastes(alice, bob, buys):
    charlie = User.objects.create_user("charlie@example.com", "correct-horse-battery")
    buys(alice, department="Garden", times=5)
    buys(charlie, department="Garden", times=3)
    buys(charlie, department="Toys", times=1)
    buys(bob, department="Toys", times=3)
    buys(bob, department="Garden", times=1)
    # The active half is Alice (5) and one of the others (4 each); Bob's id is the smaller.
    assert demo.choose_shoppers() == [(alice, "garden"), (bob, "toys")]


def test_views_are_no_taste_and_staff_are_no_shoppers(alice, bob, buys):
    bob.is_staff = True
    bob.save()
    buys(alice, department="Garden", times=1)
    buys(alice, department="Toys", times=9, kind=Interaction.Kind.VIEW)
    buys(bob, department="Toys", times=9)
    assert demo.choose_shoppers() == [(alice, "garden")]


def test_a_shop_without_purchases_has_no_shoppers_to_show():
    assert demo.choose_shoppers() == []


def test_everybody_can_log_in_with_the_printed_password(alice, bob, buys):
    buys(alice, department="Home Office", times=2)
    buys(bob, department="Toys", times=2)
    logins = demo.create_logins()
    assert [login.email for login in logins] == [demo.ADMIN_EMAIL, alice.email, bob.email]
    assert logins[1].description == "shopper who likes home office"
    for login in logins:
        assert User.objects.get(email=login.email).check_password(demo.PASSWORD)
    assert User.objects.get(email=demo.ADMIN_EMAIL).is_superuser


def test_a_second_demo_keeps_the_administrator():
    demo.create_logins()
    admin = User.objects.get(email=demo.ADMIN_EMAIL)
    admin.set_password("a-better-password")
    admin.save()
    assert demo.create_logins()[0].description == "administrator, with the password you gave"
    assert User.objects.get(email=demo.ADMIN_EMAIL).check_password("a-better-password")


def test_production_never_gets_a_known_password(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match=r"^PRODUCTION: the demo's administrator has a known password"):
        call_command("demo", no_serve=True)
    assert not User.objects.exists()
