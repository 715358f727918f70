import pytest

from shop.models import Category, User
from shop.services import accounts
from shop.services.accounts import EmailTaken

pytestmark = pytest.mark.django_db


@pytest.fixture
def toys():
    return Category.objects.create(name="Toys", slug="toys", path="toys")


def test_a_new_account_has_a_profile_and_a_hashed_password():
    user = accounts.sign_up(email="Carol@Example.com", password="correct-horse-battery", name="Carol")
    assert user.password.startswith("argon2")
    assert user.check_password("correct-horse-battery")
    assert user.profile.preferences_asked_at is None


def test_an_email_is_taken_whatever_its_case(alice):
    with pytest.raises(EmailTaken, match="Log in instead"):
        accounts.sign_up(email="ALICE@example.com", password="correct-horse-battery")
    assert User.objects.count() == 1


def test_answers_of_the_picker_are_saved(alice, toys):
    profile = accounts.save_preferences(alice, categories=[toys], region="DE")
    assert list(profile.preferences.all()) == [toys]
    assert profile.region == "DE"
    assert profile.preferences_asked_at is not None


def test_skipping_keeps_what_was_answered_before(alice, toys):
    accounts.save_preferences(alice, categories=[toys], region="DE")
    accounts.skip_preferences(alice)
    alice.profile.refresh_from_db()
    assert list(alice.profile.preferences.all()) == [toys]
    assert alice.profile.region == "DE"


def test_an_account_that_came_without_a_profile_gets_one(alice):
    alice.profile.delete()
    accounts.skip_preferences(alice)
    assert User.objects.get(pk=alice.pk).profile.preferences_asked_at is not None
