"""What the preview of a rule shows, and whom it can show it for."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from recommender import previews, recommendations
from recommender.models import BusinessRule, Impression, Interaction
from shop.models import Product

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[BusinessRule]]:
    """The rules of each list that was asked for; a list has all products by id, as the rules want them."""
    calls: list[list[BusinessRule]] = []

    def preview(placement: str, *, rules: list[BusinessRule], k: int, **_: Any) -> Any:
        calls.append(list(rules))
        gone = [rule.product_id for rule in rules if rule.action == "exclude"]
        products = [each for each in Product.objects.order_by("pk") if each.pk not in gone]
        for rule in rules:
            if rule.action == "pin" and rule.product in products:
                products.remove(rule.product)
                products.insert(rule.position - 1, rule.product)
        return SimpleNamespace(products=products[:k])

    monkeypatch.setattr(recommendations, "preview", preview)
    return calls


@pytest.fixture
def mugs(make_product: Callable[..., Product]) -> list[Product]:
    return [make_product(f"Mug {number}") for number in range(4)]


def compared(rule: BusinessRule, *, placement: str = "home_for_you") -> previews.Comparison:
    visitor = previews.shopper_of("")
    return previews.compare(rule, placement=placement, visitor=visitor, anchor=None, now=NOW)


def marks(lines: list[previews.Line]) -> list[tuple[str, str, int]]:
    return [(line.product.name, line.mark, line.places) for line in lines]


@pytest.mark.usefixtures("asked")
def test_a_pin_and_what_it_pushes_down_are_marked(mugs: list[Product]) -> None:
    rule = BusinessRule(name="P", action="pin", product=mugs[2], position=1)
    found = compared(rule)
    assert [name for name, _, _ in marks(found.before)] == ["Mug 0", "Mug 1", "Mug 2", "Mug 3"]
    assert marks(found.after) == [
        ("Mug 2", "pinned", 2),
        ("Mug 0", "down", 1),
        ("Mug 1", "down", 1),
        ("Mug 3", "", 0),
    ]
    assert found.changed


@pytest.mark.usefixtures("asked")
def test_what_is_excluded_is_gone_and_the_others_move_up(mugs: list[Product]) -> None:
    found = compared(BusinessRule(name="E", action="exclude", product=mugs[0]))
    assert marks(found.before)[0] == ("Mug 0", "gone", 0)
    assert marks(found.after)[0] == ("Mug 1", "up", 1)


@pytest.mark.usefixtures("asked")
def test_what_comes_into_the_list_is_marked(make_product: Callable[..., Product]) -> None:
    products = [make_product(f"Mug {number}") for number in range(13)]
    found = compared(BusinessRule(name="E", action="exclude", product=products[0]))
    assert marks(found.after)[-1] == ("Mug 12", "in", 0)


def test_a_saved_rule_is_compared_as_it_stands_in_the_form(mugs: list[Product], asked: list[Any]) -> None:
    saved = BusinessRule.objects.create(name="S", action="exclude", product=mugs[0], order=5)
    other = BusinessRule.objects.create(name="O", action="exclude", product=mugs[1], order=9)
    saved.product = mugs[3]
    compared(saved)
    assert asked[0] == [other]
    assert [(each.pk, each.product_id) for each in asked[1]] == [
        (saved.pk, mugs[3].pk),
        (other.pk, mugs[1].pk),
    ]


def test_a_rule_that_is_off_or_not_yet_in_force_shows_what_it_will_do(
    mugs: list[Product], asked: list[Any]
) -> None:
    rule = BusinessRule(name="E", action="exclude", product=mugs[0], active=False)
    found = compared(rule)
    assert asked[1] == [rule]
    assert "not in force at this moment" in previews.notes(rule, found, placement="home_for_you", now=NOW)[0]


def test_a_rule_of_another_placement_is_said_to_say_nothing(mugs: list[Product], asked: list[Any]) -> None:
    rule = BusinessRule(name="E", action="exclude", product=mugs[0], placement="cart_empty")
    found = compared(rule)
    assert asked[1] == []
    assert previews.notes(rule, found, placement="home_for_you", now=NOW) == [
        "This rule says nothing of Home: For You. It is for Cart: empty."
    ]


@pytest.mark.usefixtures("asked")
def test_a_pin_that_cannot_hold_says_why(mugs: list[Product]) -> None:
    rule = BusinessRule(name="P", action="pin", product=Product(name="Sold out", pk=10**6), position=1)
    notes = previews.notes(rule, compared(rule), placement="home_for_you", now=NOW)
    assert notes == [
        "Sold out is not pinned: it is not to be shown to this shopper, or its position is taken."
    ]


@pytest.mark.usefixtures("asked")
def test_a_list_that_a_rule_shortens_says_so(mugs: list[Product]) -> None:
    rule = BusinessRule(name="E", action="exclude", product=mugs[0])
    found = compared(rule)
    assert previews.notes(rule, found, placement="home_for_you", now=NOW) == [
        "Too little is left to fill the list."
    ]


@pytest.mark.usefixtures("asked", "mugs")
def test_a_preview_logs_no_impression() -> None:
    compared(BusinessRule(name="B", action="boost", brand="Acme"))
    assert not Impression.objects.exists()


def test_a_list_that_cannot_be_made_is_an_error_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("The placement needs an anchor.")

    monkeypatch.setattr(recommendations, "preview", fail)
    with pytest.raises(previews.PreviewError, match="needs an anchor"):
        compared(BusinessRule(name="B", action="boost", brand="Acme"), placement="product_similar")


def test_a_shopper_is_found_by_email_in_any_case(alice: Any) -> None:
    alice.profile.region = "DE"
    alice.profile.save()
    found = previews.shopper_of(" Alice@Example.com ")
    assert (found.user, found.region) == (alice, "DE")


def test_a_guest_is_found_by_a_visitor_id(mugs: list[Product]) -> None:
    guest = uuid.uuid4()
    Interaction.objects.create(visitor_id=guest, product=mugs[0], kind="view", occurred_at=NOW)
    assert previews.shopper_of(str(guest)).id == guest


def test_nothing_is_known_of_a_newcomer() -> None:
    found = previews.shopper_of("")
    assert (found.user, found.preference_ids) == (None, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody@example.com", "No account has the email nobody@example.com."),
        ("Alice", "Alice is neither an email nor a visitor id; leave it empty for a newcomer."),
        (str(uuid.UUID(int=5)), "No guest with the visitor id"),
    ],
)
def test_nobody_of_that_name_is_an_error_with_its_cure(text: str, message: str) -> None:
    with pytest.raises(previews.PreviewError, match=message):
        previews.shopper_of(text)


def test_an_anchor_is_named_by_its_sku(mugs: list[Product]) -> None:
    assert previews.anchor_of(mugs[0].sku) == mugs[0]
    assert previews.anchor_of(" ") is None
    with pytest.raises(previews.PreviewError, match="No product has the SKU ZZZ"):
        previews.anchor_of("ZZZ")
