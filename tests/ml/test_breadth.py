"""The length of a user's vector, by hand."""

import pytest

from ml.breadth import BREADTH_AT, FEW_EVENTS, breadth_scale


def test_the_length_is_one_at_the_usual_number_of_events_and_falls_with_more():
    assert breadth_scale(int(BREADTH_AT), breadth=0.3) == pytest.approx(1.0)
    # 54 + 1 = 55 is the base: 10 events are a fifth of it, 219 events four times as much.
    assert breadth_scale(10, breadth=0.5) == pytest.approx(5**0.5)
    assert breadth_scale(219, breadth=0.5) == pytest.approx(0.5)


def test_a_newcomer_is_no_specialist():
    lengths = {breadth_scale(events, breadth=0.5) for events in range(FEW_EVENTS + 1)}
    assert len(lengths) == 1


def test_without_breadth_every_vector_has_length_one():
    assert breadth_scale(0, breadth=0.0) == breadth_scale(10**6, breadth=0.0) == 1.0
