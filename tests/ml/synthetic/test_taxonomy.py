"""The taxonomy is big enough, whole, and every type can be drawn."""

import numpy as np
import pytest

from ml.synthetic.pictures import SHAPES
from ml.synthetic.pictures.colours import NAMED
from ml.synthetic.pictures.patterns import PAINTERS
from ml.synthetic.taxonomy import SEPARATOR, load_taxonomy

TAXONOMY = load_taxonomy()


def test_there_are_dozens_of_leaf_categories_three_levels_deep_in_ten_departments() -> None:
    assert len({kind.path for kind in TAXONOMY.types}) == len(TAXONOMY.types) >= 40
    assert {len(kind.path.split(SEPARATOR)) for kind in TAXONOMY.types} == {3}
    assert len({kind.department for kind in TAXONOMY.types}) >= 10


def test_every_type_has_brands_of_more_than_one_price_level_and_something_to_say() -> None:
    for kind in TAXONOMY.types:
        assert len({brand.level for brand in kind.brands}) >= 3, kind.key
        assert min(len(kind.nouns), len(kind.materials), len(kind.uses), len(kind.complements)) >= 1, kind.key
        assert kind.price > 0


def test_complements_and_siblings_are_shares_and_complements_never_name_the_type_itself() -> None:
    np.testing.assert_allclose(TAXONOMY.complements.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(TAXONOMY.siblings.sum(axis=1), 1, rtol=1e-6)
    assert not TAXONOMY.complements.diagonal().any()


def test_a_mug_is_bought_with_coffee_tea_and_a_kettle_in_equal_shares() -> None:
    row = TAXONOMY.complements[TAXONOMY.index["mug"]]
    partners = {TAXONOMY.types[place].key: float(row[place]) for place in np.flatnonzero(row)}
    assert partners == pytest.approx({"coffee": 1 / 3, "tea": 1 / 3, "kettle": 1 / 3})


def test_wine_and_knives_are_for_adults_and_coffee_runs_out() -> None:
    kinds = {kind.key: kind for kind in TAXONOMY.types}
    assert (kinds["wine"].min_age, kinds["knife"].min_age, kinds["mug"].min_age) == (18, 18, 0)
    assert kinds["coffee"].repeat_days > 0 == kinds["sofa"].repeat_days


def test_every_type_colour_and_pattern_can_be_drawn() -> None:
    assert set(SHAPES) == set(TAXONOMY.index)
    for kind in TAXONOMY.types:
        assert set(kind.colours) <= set(NAMED), kind.key
        assert set(kind.patterns) <= {"Plain", *PAINTERS}, kind.key
