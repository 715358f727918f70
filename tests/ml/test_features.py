"""Scales and vocabularies learned from a table, and what later tables look like through them."""

import numpy as np
import pytest

from ml.data import EntityTable
from ml.features import CLIP, FeatureSpec, concatenate, one_row


def table(**changes) -> EntityTable:
    values = {
        "ids": np.array([30, 10, 20]),
        "numeric": {"price": np.array([1.0, 2.0, 3.0], dtype=np.float32)},
        "categorical": {"brand": np.array(["a", "b", "a"], dtype=object)},
        "multi": {"tags": [("x", "y"), ("x",), ()]},
        "vectors": {"text": np.ones((3, 2), dtype=np.float32)},
    }
    return EntityTable(**{**values, **changes})


SPEC = FeatureSpec.fit(table(), min_count=1)


def test_numbers_are_scaled_by_median_and_quartiles_and_carry_missing_flags():
    # Median 2, quartiles 1.5 and 2.5: one unit is 1 / (1 / 1.349) = 1.349 deviations.
    encoded = SPEC.encode(table(numeric={"price": np.array([3.0, np.nan, 1e9], dtype=np.float32)}))
    assert encoded.numeric[:, 0].tolist() == pytest.approx([1.349, 0.0, CLIP], abs=1e-4)
    assert encoded.numeric[:, 1].tolist() == [0, 1, 0]


def test_a_constant_or_empty_column_stays_finite():
    spec = FeatureSpec.fit(table(numeric={"a": np.full(3, 7.0), "b": np.full(3, np.nan)}))
    encoded = spec.encode(table(numeric={"a": np.array([7.0, 8.0, np.inf]), "b": np.zeros(3)}))
    assert np.isfinite(encoded.numeric).all()
    assert encoded.numeric[0, 0] == 0


def test_every_column_has_an_unknown_bucket_of_its_own():
    two = EntityTable(
        ids=np.array([1]),
        categorical={"brand": np.array(["new"], dtype=object), "size": np.array([""], dtype=object)},
    )
    spec = FeatureSpec.fit(
        EntityTable(
            ids=np.array([1, 2]),
            categorical={
                "brand": np.array(["a", "b"], dtype=object),
                "size": np.array(["s", "s"], dtype=object),
            },
        ),
        min_count=1,
    )
    assert spec.num_categories == 5
    assert spec.encode(two).categorical.tolist() == [[0, 3]]


def test_values_seen_once_are_unknown_so_that_the_bucket_is_trained():
    spec = FeatureSpec.fit(table(), min_count=2)
    assert spec.categorical == {"brand": ["a"]}
    assert spec.multi == {"tags": ["x"]}


def test_a_column_that_shares_values_with_another_table_knows_all_of_them():
    items = EntityTable(
        ids=np.arange(2), multi={"path": [("home",), ("toys",)], "colour": [("red",), ("blue",)]}
    )
    item_spec = FeatureSpec.fit(items, min_count=1)
    users = EntityTable(ids=np.arange(2), multi={"likes": [("toys",), ("toys",)], "tags": [("vip",)] * 2})
    spec = FeatureSpec.fit(users, beside=item_spec)
    assert spec.multi == {"likes": ["home", "toys"], "tags": ["vip"]}
    # codes: likes' unknown, home, toys, tags' unknown, vip
    # and: colour's unknown, blue, red, path's unknown, home, toys
    assert spec.codes_shared_with(item_spec).tolist() == [-1, 4, 5, -1, -1]


def test_multi_values_of_a_row_weigh_one_together():
    encoded = SPEC.encode(table())
    assert encoded.multi_offsets.tolist() == [0, 2, 3, 3]
    assert encoded.multi_code.tolist() == [1, 2, 1]
    assert encoded.multi_weight.tolist() == [0.5, 0.5, 1.0]


def test_two_multi_fields_stay_with_their_rows():
    both = EntityTable(ids=np.array([1, 2]), multi={"a": [("p",), ("p", "q")], "b": [("r",), ()]})
    encoded = FeatureSpec.fit(both, min_count=1).encode(both)
    assert encoded.multi_code[:2].tolist() == [1, 4]
    assert encoded.multi_code[2:].tolist() == [1, 2]


def test_known_ids_have_codes_and_everybody_else_the_unknown():
    encoded = SPEC.encode(table(ids=np.array([20, 99, 10])))
    assert encoded.id_code.tolist() == [2, 0, 1]
    fitted = FeatureSpec.fit(table(), known=np.array([0]))
    assert fitted.encode(table()).id_code.tolist() == [1, 0, 0]


def test_absent_columns_count_as_missing_and_extra_ones_are_left_out():
    encoded = SPEC.encode(EntityTable(ids=np.array([10]), numeric={"weight": np.array([3.0])}))
    assert encoded.numeric.tolist() == [[0, 1]]
    assert encoded.categorical.tolist() == [[0]]
    assert encoded.vectors["text"].tolist() == [[0, 0]]


def test_vectors_with_nan_infinite_and_absurd_entries_are_finite_and_small_enough_to_square():
    given = np.array([[np.nan, 1.0], [np.inf, 2.0], [1e30, -1e30]], dtype=np.float32)
    table = EntityTable(ids=np.arange(3), vectors={"text": given})
    encoded = FeatureSpec.fit(table).encode(table).vectors["text"]
    assert encoded[:2].tolist() == [[0, 1], [0, 2]]
    assert np.isfinite(np.square(encoded)).all()
    assert encoded[2, 0] > 0 > encoded[2, 1]
    assert np.isnan(given[0, 0]), "the table stays as it was given"


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match="'text' have width 5, the model was trained with 2"):
        SPEC.encode(table(vectors={"text": np.zeros((3, 5), dtype=np.float32)}))


def test_a_spec_survives_its_json():
    again = FeatureSpec.from_dict(SPEC.to_dict(), ids=SPEC.ids)
    assert again.encode(table()).multi_code.tolist() == SPEC.encode(table()).multi_code.tolist()
    assert again.numeric == SPEC.numeric


def test_encoded_rows_can_be_taken_and_joined():
    encoded = SPEC.encode(table())
    joined = concatenate(encoded.take(np.array([1])), encoded.take(np.array([0, 2])))
    assert joined.multi_offsets.tolist() == [0, 1, 3, 3]
    assert joined.multi_code.tolist() == [1, 1, 2]
    assert joined.id_code.tolist() == [1, 3, 2]


def test_one_row_of_what_is_known():
    row = one_row(numeric={"price": 2.0}, categorical={"brand": "b"}, multi={"tags": ("y",)}, entity_id=10)
    encoded = SPEC.encode(row)
    assert encoded.numeric.tolist() == [[0, 0]]
    assert encoded.categorical.tolist() == [[2]]
    assert encoded.multi_code.tolist() == [2]
    assert encoded.id_code.tolist() == [1]
