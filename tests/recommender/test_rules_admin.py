"""Business rules in the admin: what the form refuses, what the list says, and the preview."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recommender import recommendations, rules
from recommender.admin.rule_words import sentence, state
from recommender.models import BusinessRule
from shop.models import Product, User

pytestmark = pytest.mark.django_db

LIST = "admin:recommender_businessrule_changelist"
ADD = "admin:recommender_businessrule_add"
PAGE = "admin:recommender_businessrule_change"
PREVIEW = "admin:recommender_businessrule_preview"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORM = {"name": "Spring", "action": "boost", "brand": "Acme", "strength": "1", "order": "100", "active": "on"}


@pytest.fixture
def alice() -> Client:
    """A merchandiser with every permission."""
    client = Client()
    client.force_login(User.objects.create_superuser("alice@example.com"))
    return client


@pytest.fixture
def bob() -> Client:
    """On the staff, and allowed to look only."""
    user = User.objects.create_user("bob@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_businessrule"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Red mug", category="Home > Mugs", brand="Acme", attributes={"Colour": "Red"})


def sent(client: Client, **fields: Any) -> str:
    """Return the page that answers the form; a field of None is left empty."""
    values = {name: "" if value is None else value for name, value in {**FORM, **fields}.items()}
    response = client.post(reverse(ADD), values, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_rule_that_says_what_it_does_is_saved(alice: Client, mug: Product) -> None:
    assert "was added successfully" in sent(alice)
    rule = BusinessRule.objects.get()
    assert (rule.name, rule.action, rule.brand) == ("Spring", "boost", "Acme")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"brand": None}, "Name at least one target: a product, a category, a brand or an attribute."),
        ({"attribute": "colour"}, "Give the value of colour that you mean."),
        ({"attribute_value": "red"}, "Give the attribute that is red, such as colour."),
        ({"brand": None, "attribute_value": "red"}, "Name at least one target"),
        ({"action": "pin", "position": 1}, "A pin needs the one product that it pins."),
        ({"action": "pin", "position": 1}, "A pin is of one product alone; leave this empty."),
        ({"action": "pin"}, "A pin needs a position, from 1 to 100."),
        ({"action": "pin", "position": 0}, "A position is from 1 to 100, counted from 1."),
        ({"action": "pin", "position": 101}, "A position is from 1 to 100, counted from 1."),
        ({"action": "pin", "position": "first"}, "Enter a whole number."),
        ({"position": 3}, "Only a pin has a position; leave it empty."),
        ({"strength": "0"}, "The strength is above 0 and at most 100."),
        ({"strength": "-1"}, "The strength is above 0 and at most 100."),
        ({"strength": "1e9"}, "The strength is above 0 and at most 100."),
        ({"strength": "nan"}, "Enter a number."),
        ({"product": "10000000", "brand": None}, "Select a valid choice."),
        ({"placement": "cellar"}, "Select a valid choice."),
        (
            {
                "starts_at_0": "2026-03-02",
                "starts_at_1": "10:00",
                "ends_at_0": "2026-03-02",
                "ends_at_1": "10:00",
            },
            "The end must be after the start.",
        ),
    ],
)
def test_a_rule_that_cannot_do_what_it_says_is_refused_with_the_cure(
    alice: Client, fields: dict[str, Any], message: str
) -> None:
    assert message in sent(alice, **fields)
    assert not BusinessRule.objects.exists()


def test_a_wrong_product_is_not_also_called_missing(alice: Client) -> None:
    page = sent(alice, product="10000000", brand=None, action="pin", position=1)
    assert "Name at least one target" not in page
    assert "A pin needs the one product" not in page


def warnings_of(client: Client, **fields: Any) -> list[str]:
    values = {name: "" if value is None else value for name, value in {**FORM, **fields}.items()}
    response = client.post(reverse(ADD), values, follow=True)
    return [str(each) for each in response.context["messages"] if each.level_tag == "warning"]


def test_a_rule_that_fits_nothing_is_saved_with_a_warning(alice: Client, mug: Product) -> None:
    assert warnings_of(alice, brand="Acme") == []
    assert warnings_of(alice, brand="Zed") == ["No product of the shop fits this rule now."]
    assert warnings_of(alice, brand="ACME", attribute="colour", attribute_value="red") == []
    Product.objects.update(attributes={"Dishwasher": True})
    assert warnings_of(alice, attribute="dishwasher", attribute_value="true") == []
    assert warnings_of(alice, brand="Acme", attribute="colour", attribute_value="blue") == [
        "No product of the shop fits this rule now."
    ]


def test_rules_that_contradict_one_another_are_named(alice: Client, mug: Product) -> None:
    other = {"name": "Winter", "action": "bury"}
    BusinessRule.objects.create(**other, category=mug.category.parent, placement="home_for_you")
    found = warnings_of(alice, brand=None, category=mug.category_id)
    assert found == ["Another rule says the opposite: Bury category Home in Home: For You (Winter)."]
    assert warnings_of(alice, category=mug.category_id, brand=None, placement="cart_empty") == []
    assert len(warnings_of(alice, brand=None, action="pin", product=mug.pk, position=1)) == 1


def test_two_pins_of_one_position_are_named_with_who_has_it(
    alice: Client, mug: Product, make_product: Callable[..., Product]
) -> None:
    cup = make_product("Cup")
    BusinessRule.objects.create(name="Cup first", action="pin", product=cup, position=1, order=10)
    pin = {"brand": None, "action": "pin", "product": mug.pk, "position": 1}
    message = "Another rule pins to the same position, and {}: Pin Cup to position 1 everywhere (Cup first)."
    assert warnings_of(alice, **pin) == [message.format("this one moves on")]
    BusinessRule.objects.filter(name="Spring").delete()
    assert warnings_of(alice, **pin, order="5") == [message.format("this one has it")]


def test_rules_of_different_times_or_switched_off_do_not_contradict(alice: Client, mug: Product) -> None:
    over = timezone.now() - timedelta(days=2)
    BusinessRule.objects.create(name="Off", action="bury", brand="Acme", active=False)
    BusinessRule.objects.create(name="Over", action="bury", brand="Acme", ends_at=over)
    today = timezone.localdate()
    assert warnings_of(alice, starts_at_0=str(today), starts_at_1="00:00") == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"brand": "Acme", "placement": "home_for_you"}, "Boost brand Acme in Home: For You"),
        ({"attribute": "colour", "attribute_value": "red"}, "Boost colour red everywhere"),
        (
            {"action": "bury", "brand": "Acme", "attribute": "colour", "attribute_value": "red"},
            "Bury brand Acme and colour red everywhere",
        ),
        ({"brand": "Acme", "strength": 2.5}, "Boost brand Acme with strength 2.5 everywhere"),
        ({"action": "exclude", "brand": "Acme", "strength": 2}, "Exclude brand Acme everywhere"),
        (
            {"action": "pin", "product": Product(name="Red mug"), "position": 2},
            "Pin Red mug to position 2 everywhere",
        ),
        (
            {
                "brand": "Acme",
                "starts_at": datetime(2019, 12, 1, tzinfo=UTC),
                "ends_at": datetime(2019, 12, 3, 18, 30, tzinfo=UTC),
            },
            "Boost brand Acme everywhere from 1 Dec 2019 until 3 Dec 2019, 18:30",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(fields: dict[str, Any], words: str) -> None:
    assert sentence(BusinessRule(**{"action": "boost", **fields})) == words


def test_a_date_of_this_year_is_said_without_it() -> None:
    end = timezone.now().replace(month=12, day=3, hour=0, minute=0, second=0, microsecond=0)
    assert sentence(BusinessRule(action="boost", brand="Acme", ends_at=end)).endswith("until 3 Dec")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "In force"),
        ({"active": False}, "Off"),
        ({"starts_at": datetime(2019, 5, 4, tzinfo=UTC), "ends_at": NOW}, "Ended"),
        ({"starts_at": NOW + timedelta(days=1)}, "Starts 2 Mar"),
    ],
)
def test_a_rule_says_whether_it_is_in_force(fields: dict[str, Any], words: str) -> None:
    assert state(BusinessRule(**fields), now=NOW).startswith(words)


def test_the_list_reads_searches_filters_and_orders(
    alice: Client, mug: Product, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        BusinessRule.objects.create(name=f"Pin {number}", action="pin", product=mug, position=number + 1)
    BusinessRule.objects.create(name="Acme", action="boost", brand="Acme", category=mug.category)
    with django_assert_max_num_queries(8):
        page = alice.get(reverse(LIST)).content.decode()
    assert "Pin Red mug to position 1 everywhere" in page
    assert "Boost category Mugs and brand Acme everywhere" in page
    searched = alice.get(reverse(LIST), {"q": "mugs"}).content.decode()
    assert "Boost category" in searched
    assert "Pin Red mug" not in searched
    filtered = alice.get(reverse(LIST), {"action__exact": "pin"}).content.decode()
    assert "Boost category" not in filtered


def test_the_order_is_edited_in_the_list_and_acts(
    alice: Client, django_capture_on_commit_callbacks: Any
) -> None:
    rule = BusinessRule.objects.create(name="Acme", action="boost", brand="Acme")
    assert rules.current("home_for_you", NOW)[0].order == 100
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": rule.pk, "form-0-order": 7}
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(reverse(LIST), {**form, "form-0-active": "on", "_save": "Save"})
    assert rules.current("home_for_you", NOW)[0].order == 7


def test_saving_and_deleting_act_at_once(
    alice: Client, mug: Product, django_capture_on_commit_callbacks: Any
) -> None:
    assert rules.current("home_for_you", NOW) == ()
    with django_capture_on_commit_callbacks(execute=True):
        sent(alice)
    rule = rules.current("home_for_you", NOW)[0]
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(reverse("admin:recommender_businessrule_delete", args=[rule.pk]), {"post": "yes"})
    assert rules.current("home_for_you", NOW) == ()


def test_deleting_several_acts_at_once(alice: Client, django_capture_on_commit_callbacks: Any) -> None:
    rule = BusinessRule.objects.create(name="Acme", action="boost", brand="Acme")
    assert len(rules.current("home_for_you", NOW)) == 1
    chosen = {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        alice.post(reverse(LIST), chosen)
    assert rules.current("home_for_you", NOW) == ()


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each list of the preview was asked with; the lists hold all products but the excluded."""
    asked: list[dict[str, Any]] = []

    def preview(placement: str, **given: Any) -> Any:
        asked.append({"placement": placement, **given})
        gone = [rule.product_id for rule in given["rules"] if rule.action == "exclude"]
        return SimpleNamespace(products=list(Product.objects.exclude(pk__in=gone).order_by("pk")))

    monkeypatch.setattr(recommendations, "preview", preview)
    return asked


def previewed(client: Client, *pk: int, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    url = reverse(PREVIEW, args=pk) if pk else reverse(f"{PREVIEW}_new")
    values = {name: "" if value is None else value for name, value in {**FORM, **fields}.items()}
    return client.post(url, values, headers=headers or {})


def test_the_preview_shows_edits_that_are_not_saved(
    alice: Client, mug: Product, make_product: Callable[..., Product], listed: list[Any]
) -> None:
    make_product("Cup")
    rule = BusinessRule.objects.create(name="Acme", action="boost", brand="Acme")
    response = previewed(
        alice, rule.pk, headers={"HX-Request": "true"}, action="exclude", product=mug.pk, brand=None
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in page
    assert "Exclude Red mug everywhere" in page
    assert page.count("Red mug</a>") == 1
    assert "gone" in page
    assert BusinessRule.objects.get().action == "boost"
    assert [len(each["rules"]) for each in listed] == [0, 1]


def test_the_preview_of_a_new_rule_needs_no_name_and_works_without_scripts(
    alice: Client, mug: Product, listed: list[Any]
) -> None:
    page = previewed(alice, name=None, preview_placement="cart_empty").content.decode()
    assert "<html" in page
    assert "seen in Cart: empty" in page
    assert "The rule changes nothing in this list." in page
    assert listed[0]["placement"] == "cart_empty"
    assert not BusinessRule.objects.exists()


def test_the_preview_is_for_the_chosen_shopper_and_about_the_chosen_product(
    alice: Client, mug: Product, listed: list[Any]
) -> None:
    previewed(alice, placement="product_similar", preview_shopper="alice@example.com", preview_anchor=mug.sku)
    assert {each["placement"] for each in listed} == {"product_similar"}
    assert all(each["visitor"].user.email == "alice@example.com" for each in listed)
    assert all(each["anchor"] == mug for each in listed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"brand": None}, "Name at least one target"),
        ({"strength": "x"}, "Strength: Enter a number."),
        ({"preview_shopper": "a@b.c\0"}, "Shopper: Null characters are not allowed."),
        ({"preview_anchor": "x" * 65}, "About product: Ensure this value has at most 64 characters"),
        ({"preview_shopper": "nobody@example.com"}, "No account has the email nobody@example.com."),
        ({"preview_placement": "cellar"}, "There is no placement cellar; choose one of the list."),
        ({"preview_anchor": "<b>"}, "No product has the SKU &lt;b&gt;."),
    ],
)
def test_a_preview_that_cannot_be_made_says_what_to_change(
    alice: Client, listed: list[Any], fields: dict[str, Any], message: str
) -> None:
    response = previewed(alice, **fields)
    assert response.status_code == 200
    assert message in response.content.decode()
    assert listed == []


def test_the_preview_takes_a_post_and_the_permission_to_edit(alice: Client, bob: Client) -> None:
    assert alice.get(reverse(f"{PREVIEW}_new")).status_code == 405
    assert previewed(bob).status_code == 403
    assert previewed(alice, 12345).status_code == 404
    assert previewed(alice, 10**30).status_code == 404


def test_who_may_only_look_sees_the_rule_without_a_preview(bob: Client) -> None:
    rule = BusinessRule.objects.create(name="Acme", action="boost", brand="Acme")
    page = bob.get(reverse(PAGE, args=[rule.pk])).content.decode()
    assert "show-preview" not in page


def test_the_form_carries_its_script_under_the_content_policy(alice: Client) -> None:
    response = alice.get(reverse(ADD))
    page = response.content.decode()
    nonce = response.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
    assert f'htmx-2.min.js" nonce="{nonce}"' in page
    assert 'formaction="/admin/recommender/businessrule/preview/"' in page
