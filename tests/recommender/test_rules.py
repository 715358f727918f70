"""What rules match, when they are in force, and what they do to a list."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from recommender import revisions, rules
from recommender.models import BusinessRule
from tests.recommender.made_contexts import NOW, candidates_of, made_catalogue, made_context, rows_of
from tests.recommender.redis_states import break_redis, mend_redis


def rule(action: str, **fields: Any) -> BusinessRule:
    return BusinessRule(name=action, action=action, **fields)


def matched_rows(**targets: Any) -> list[int]:
    return np.flatnonzero(rules.matched(rule("boost", **targets), made_catalogue(10))).tolist()


def applied(rows: list[int], *wanted: BusinessRule, **context: Any) -> list[int]:
    return rows_of(rules.apply(candidates_of(rows), context=made_context(**context), rules=wanted))


def test_a_rule_names_products_by_product_category_brand_and_attribute() -> None:
    assert matched_rows(product_id=104) == [3]
    assert matched_rows(category_id=2) == [1, 2, 6, 7]  # mugs, and the large ones below it
    assert matched_rows(category_id=1) == [0, 1, 2, 5, 6, 7]  # home; not homeware
    assert matched_rows(brand="acme") == [0, 4, 8]
    assert matched_rows(attribute="Colour", attribute_value="Blue") == [0, 3, 6, 9]


def test_all_targets_must_fit() -> None:
    assert matched_rows(category_id=1, brand="Acme", attribute="colour", attribute_value="blue") == [0]
    assert matched_rows(product_id=104, brand="Acme") == []


def test_a_target_that_the_shop_does_not_have_matches_nothing() -> None:
    assert matched_rows(product_id=9) == matched_rows(category_id=99) == matched_rows(brand="Zed") == []


def test_a_rule_without_a_target_matches_nothing() -> None:
    assert matched_rows() == []


def test_a_new_catalogue_is_matched_anew() -> None:
    of_brand = rule("exclude", brand="Acme")
    assert rules.excluded([of_brand], made_catalogue(4)).tolist() == [True, False, False, False]
    swapped = made_catalogue(4, brands=("Bolt", "Acme", "Core", ""))
    assert rules.excluded([of_brand], swapped).tolist() == [False, True, False, False]


def test_what_any_excluding_rule_names_is_excluded_and_nothing_else() -> None:
    wanted = [rule("exclude", product_id=101), rule("exclude", brand="Bolt"), rule("bury", brand="Core")]
    assert np.flatnonzero(rules.excluded(wanted, made_catalogue(8))).tolist() == [0, 1, 5]
    assert not rules.excluded([], made_catalogue(8)).any()


def test_a_boost_of_strength_1_moves_a_product_up_by_a_third_of_the_places_shown() -> None:
    # k = 12, so four places: the product of row 6 stands where that of row 2 stood.
    assert applied([*range(12)], rule("boost", product_id=107)) == [0, 1, 6, 2, 3, 4, 5, 7, 8, 9, 10, 11]


def test_a_burial_moves_it_down_as_far() -> None:
    assert applied([*range(12)], rule("bury", product_id=107)) == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 6, 11]


def test_strength_counts_and_a_boost_and_a_burial_of_one_product_cancel() -> None:
    assert applied([*range(12)], rule("boost", product_id=107, strength=0.25))[5] == 6
    both = (rule("boost", product_id=107, strength=2), rule("bury", product_id=107, strength=2))
    assert applied([*range(12)], *both) == [*range(12)]


def test_products_moved_together_keep_their_order() -> None:
    moved = applied([*range(12)], rule("boost", brand="Acme", strength=9))
    assert moved == [0, 4, 8, 1, 2, 3, 5, 6, 7, 9, 10, 11]


def test_a_pin_takes_its_position_and_appears_once() -> None:
    assert applied([*range(6)], rule("pin", product_id=106, position=2)) == [0, 5, 1, 2, 3, 4]


def test_a_pinned_product_that_no_source_proposed_is_there_and_says_so() -> None:
    listed = rules.apply(
        candidates_of([0, 1, 2]), context=made_context(), rules=[rule("pin", product_id=130, position=1)]
    )
    assert [(each.product_id, each.source) for each in listed][:2] == [(130, "pinned"), (101, "two_tower")]


def test_a_pin_outdoes_a_burial_of_the_same_product() -> None:
    both = (rule("pin", product_id=103, position=1), rule("bury", product_id=103, strength=5))
    assert applied([*range(6)], *both)[0] == 2


def test_the_first_of_two_pins_has_the_position_and_the_next_moves_on() -> None:
    pins = [rule("pin", product_id=110 + n, position=2) for n in range(3)]
    assert applied([0, 1, 2], *pins) == [0, 9, 10, 11, 1, 2]
    assert applied([0, 1, 2], *reversed(pins)) == [0, 11, 10, 9, 1, 2]


def test_what_may_not_be_shown_is_not_pinned() -> None:
    allowed = np.ones(40, dtype=bool)
    allowed[9] = False
    pins = (rule("pin", product_id=110, position=1), rule("pin", product_id=9999, position=1))
    assert applied([0, 1, 2], *pins, allowed=allowed) == [0, 1, 2]
    assert applied([0, 1], rule("pin", product_id=110, position=1), anchor_ids=(110,)) == [0, 1]


def test_a_pin_beyond_the_list_that_is_shown_changes_nothing() -> None:
    assert applied([0, 1, 2], rule("pin", product_id=110, position=13)) == [0, 1, 2]
    full = [rule("pin", product_id=101 + row, position=1) for row in range(6)]
    assert applied([7, 8], *full, k=4) == [0, 1, 2, 3, 7, 8]


def test_a_pin_comes_last_where_the_list_is_too_short_for_its_position() -> None:
    assert applied([0, 1], rule("pin", product_id=110, position=8)) == [0, 1, 9]


def test_a_pin_without_a_product_or_a_position_does_nothing() -> None:
    assert applied([0, 1], rule("pin", brand="Acme", position=1), rule("pin", product_id=110)) == [0, 1]


def test_when_everything_is_excluded_the_list_is_empty_and_no_error() -> None:
    assert applied([0, 1], rule("pin", product_id=110, position=1), allowed=np.zeros(40, dtype=bool)) == []


actions = st.builds(
    rule,
    st.sampled_from(["pin", "boost", "bury", "exclude"]),
    product_id=st.none() | st.integers(95, 145),
    brand=st.sampled_from(["", "Acme", "Bolt"]),
    category_id=st.none() | st.integers(1, 6),
    position=st.none() | st.integers(1, 20),
    strength=st.floats(0.01, 50),
)


@given(
    rows=st.lists(st.integers(0, 39), max_size=60),
    wanted=st.lists(actions, max_size=8),
    k=st.integers(1, 20),
    forbidden=st.sets(st.integers(0, 39)),
)
def test_no_rules_ever_make_a_duplicate_show_the_forbidden_or_lose_a_product(rows, wanted, k, forbidden):
    catalogue = made_catalogue()
    allowed = ~rules.excluded(wanted, catalogue)
    allowed[list(forbidden)] = False
    context = made_context(catalogue, k=k, allowed=allowed)
    listed = rules.apply(candidates_of(rows), context=context, rules=wanted)
    ids = [each.product_id for each in listed]
    assert len(set(ids)) == len(ids)
    assert all(allowed[each.row] and catalogue.product_id[each.row] == each.product_id for each in listed)
    pinned = {each.row for each in listed if each.source == rules.PINNED}
    assert set(rows_of(listed)) == {row for row in rows if allowed[row]} | pinned
    first_pin = next((r for r in wanted if r.action == "pin" and r.position and r.product_id), None)
    if first_pin and first_pin.position <= min(k, len(listed)):
        found = np.flatnonzero(rules.matched(first_pin, catalogue) & allowed)
        assert not len(found) or listed[first_pin.position - 1].row == found[0]


@pytest.mark.parametrize(
    ("fields", "placement", "holds"),
    [
        ({}, "home_trending", True),
        ({"placement": "home_trending"}, "home_trending", True),
        ({"placement": "cart_empty"}, "home_trending", False),
        ({"active": False}, "home_trending", False),
        ({"starts_at": NOW}, "home_trending", True),
        ({"starts_at": NOW + timedelta(seconds=1)}, "home_trending", False),
        ({"ends_at": NOW}, "home_trending", False),
        ({"ends_at": NOW + timedelta(seconds=1)}, "home_trending", True),
        # What a shopper viewed is a fact that a rule for everywhere leaves as it is, but for exclusions.
        ({}, "home_recently_viewed", False),
        ({"action": "exclude"}, "home_recently_viewed", True),
        ({"placement": "home_recently_viewed"}, "home_recently_viewed", True),
    ],
)
def test_a_rule_is_in_force_at_its_placement_and_in_its_time(fields, placement, holds):
    wanted = BusinessRule(**{"action": "boost", "brand": "Acme", **fields})
    assert rules.in_force(wanted, placement=placement, now=NOW) is holds


@pytest.mark.django_db
def test_rules_come_in_their_order_and_cost_no_query_twice() -> None:
    for name, order in (("Third", 9), ("First", 1), ("Second", 9)):
        BusinessRule.objects.create(name=name, action="boost", brand="Acme", order=order)
    BusinessRule.objects.create(name="Off", action="boost", brand="Acme", active=False)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            names = [each.name for each in rules.current("home_for_you", NOW)]
            assert names == ["First", "Third", "Second"]
    assert len([query for query in queries if "businessrule" in query["sql"]]) == 1


@pytest.fixture
def second_later() -> Callable[[], None]:
    """Let the rules that the process holds grow too old to be trusted."""

    def wait() -> None:
        rules._kept._made_at = 0.0

    return wait


@pytest.mark.django_db
def test_while_the_mark_is_the_same_the_rules_are_not_read_again(second_later: Callable[[], None]) -> None:
    rules.current("home_for_you", NOW)
    for _ in range(3):
        second_later()
        with CaptureQueriesContext(connection) as queries:
            rules.current("home_for_you", NOW)
        assert [query for query in queries if "businessrule" in query["sql"]] == []


@pytest.mark.django_db
def test_an_edit_in_another_process_acts_within_a_second_or_so(second_later: Callable[[], None]) -> None:
    assert rules.current("home_for_you", NOW) == ()
    BusinessRule.objects.create(name="New", action="boost", brand="Acme")
    revisions._tell([revisions.RULES])
    second_later()
    assert [each.name for each in rules.current("home_for_you", NOW)] == ["New"]


@pytest.mark.django_db
def test_an_edit_acts_at_once_in_the_process_that_made_it(django_capture_on_commit_callbacks: Any) -> None:
    assert rules.current("home_for_you", NOW) == ()
    with django_capture_on_commit_callbacks(execute=True):
        BusinessRule.objects.create(name="New", action="boost", brand="Acme")
        rules.changed()
    assert len(rules.current("home_for_you", NOW)) == 1


@pytest.mark.django_db
def test_without_redis_an_edit_acts_all_the_same(second_later: Callable[[], None]) -> None:
    break_redis()
    try:
        assert rules.current("home_for_you", NOW) == ()
        BusinessRule.objects.create(name="New", action="boost", brand="Acme")
        second_later()
        assert len(rules.current("home_for_you", NOW)) == 1
    finally:
        mend_redis()


@pytest.mark.django_db
def test_a_row_that_changed_without_a_word_is_seen_within_a_minute(
    second_later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rules.current("home_for_you", NOW) == ()
    BusinessRule.objects.create(name="New", action="boost", brand="Acme")
    second_later()
    assert rules.current("home_for_you", NOW) == ()
    monkeypatch.setattr(rules, "READ_SECONDS", 0.0)
    second_later()
    assert len(rules.current("home_for_you", NOW)) == 1


@pytest.mark.django_db
def test_the_fingerprint_changes_with_an_edit_and_when_a_rules_time_comes(
    django_capture_on_commit_callbacks: Any,
) -> None:
    rule = BusinessRule.objects.create(name="B", action="boost", brand="Acme", starts_at=NOW)
    before = rules.fingerprint("home_for_you", NOW - timedelta(seconds=1))
    first = rules.fingerprint("home_for_you", NOW)
    assert before != first
    assert rules.fingerprint("home_for_you", NOW + timedelta(days=9)) == first
    with django_capture_on_commit_callbacks(execute=True):
        rule.strength = 3
        rule.save()
        rules.changed()
    assert rules.fingerprint("home_for_you", NOW) != first
