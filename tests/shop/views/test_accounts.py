import pytest
from django.urls import reverse

from shop.models import Category, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "http:///evil",
]


def sign_up(client, **fields):
    form = {"name": "Carol", "email": "carol@example.com", "password": PASSWORD, **fields}
    return client.post(reverse("shop:signup"), form)


def test_a_new_shopper_is_logged_in_and_asked_for_preferences_first(client, make_product):
    make_product(category="Home > Kitchen")
    answer = sign_up(client, next="/cart/")
    assert answer.url == "/preferences/?next=%2Fcart%2F"
    picker = client.get(answer.url)
    assert picker.wsgi_request.user.email == "carol@example.com"
    assert "Kitchen" in picker.content.decode()
    kitchen = Category.objects.get(name="Kitchen")
    form = {"categories": [kitchen.pk], "next": picker.context["next"]}
    saved = client.post("/preferences/", form)
    assert saved.url == "/cart/"
    assert list(User.objects.get().profile.preferences.all()) == [kitchen]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "a\x00@example.com"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "carol@example.com"}, "password"),
        ({"password": "x" * 5000}, "password"),
        ({"name": "x" * 151}, "name"),
    ],
)
def test_a_mistake_in_signing_up_is_shown_beside_its_field(client, fields, field):
    answer = sign_up(client, **fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert not User.objects.exists()


def test_an_email_is_taken_whatever_its_case(client, alice):
    answer = sign_up(client, email="Alice@EXAMPLE.com")
    assert "Log in instead" in answer.content.decode()
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.COM"])
def test_an_email_logs_in_whatever_its_case(client, alice, email):
    answer = client.post(reverse("shop:login"), {"username": email, "password": PASSWORD})
    assert answer.url == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)


@pytest.mark.parametrize(
    ("email", "password"), [("alice@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("\x00", "x")]
)
def test_a_wrong_log_in_says_no_more_than_that(client, alice, email, password):
    answer = client.post(reverse("shop:login"), {"username": email, "password": password})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_form_sends_a_shopper_to_another_site(client, alice, elsewhere):
    login = {"username": alice.email, "password": PASSWORD, "next": elsewhere}
    assert client.post(reverse("shop:login"), login).url == "/"
    assert client.post("/preferences/", {"next": elsewhere}).url == "/"
    assert client.post("/preferences/", {"next": elsewhere, "skip": "1"}).url == "/"
    client.post(reverse("shop:logout"))
    assert sign_up(client, next=elsewhere).url == "/preferences/?next=%2F"


@pytest.mark.parametrize("odd", ["foo", "?page=2", "#top", "\u0660", "shop:product", "x" * 5000])
def test_where_to_go_on_is_a_path_or_nothing(client, odd):
    sign_up(client, next=odd)
    assert client.post("/preferences/", {"next": odd, "skip": "1"}).url == "/"


def test_those_who_are_logged_in_need_neither_log_in_nor_sign_up(alice_client):
    for name in ("shop:login", "shop:signup"):
        assert alice_client.get(reverse(name)).url == "/"


def test_logging_out_is_a_form(alice_client):
    assert alice_client.get(reverse("shop:logout")).status_code == 405
    assert alice_client.post(reverse("shop:logout")).url == "/"
    assert "_auth_user_id" not in alice_client.session


class TestPreferences:
    def test_a_guest_logs_in_first(self, client):
        assert client.get("/preferences/").url == "/log-in/?next=/preferences/"

    def test_nothing_need_be_picked(self, alice_client, alice):
        assert alice_client.post("/preferences/", {}).url == "/"
        alice.profile.refresh_from_db()
        assert alice.profile.preferences_asked_at is not None

    def test_skipping_saves_nothing_else(self, alice_client, alice):
        alice_client.post("/preferences/", {"skip": "1", "region": "DE"})
        alice.profile.refresh_from_db()
        assert (alice.profile.region, bool(alice.profile.preferences_asked_at)) == ("", True)

    def test_what_was_answered_is_shown_again(self, alice_client, alice, make_product):
        kitchen = make_product(category="Home > Kitchen").category
        form = {"categories": [kitchen.pk], "region": "DE", "birth_date": "1990-05-17"}
        alice_client.post("/preferences/", form)
        page = alice_client.get("/preferences/").content.decode()
        assert f'value="{kitchen.pk}" checked' in page
        assert '<option value="DE" selected>' in page
        assert 'value="1990-05-17"' in page

    @pytest.mark.parametrize(
        "form",
        [
            {"categories": ["999999"]},
            {"categories": ["text"]},
            {"categories": ["9" * 60]},
            {"categories": ["9" * 5000]},  # Python refuses to read such a number
            {"categories": ["\x00"]},
            {"region": "XX"},
            {"birth_date": "2990-01-01"},
            {"birth_date": "0001-01-01"},
            {"birth_date": "nonsense"},
        ],
    )
    def test_a_mistake_is_shown_and_nothing_is_saved(self, alice_client, alice, form):
        answer = alice_client.post("/preferences/", form)
        assert answer.status_code == 200
        assert answer.context["form"].errors
        alice.profile.refresh_from_db()
        assert alice.profile.preferences_asked_at is None
