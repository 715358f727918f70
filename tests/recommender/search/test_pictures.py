"""A shopper's own, worn copy of a catalogue picture finds its product, and others of its type."""

import pytest

from ml import clip
from tests.bench.pictures import make_shop, measure

# A quarter of the types is drawn; all of them: python -m tests.bench.pictures
NUM_PRODUCTS, NUM_QUERIES = 2000, 100


@pytest.mark.slow
@pytest.mark.skipif(
    not (clip.BUNDLED / clip.WEIGHTS_FILE).is_file(), reason="the bundled weights are not in this checkout"
)
def test_worn_copies_find_their_own_product_first_and_another_of_its_type_next() -> None:
    shop = make_shop(NUM_PRODUCTS, every=4)
    outcomes = list(measure(shop, encoder=clip.load_encoder(), num_queries=NUM_QUERIES))
    assert {outcome.way for outcome in outcomes} == {"cropped", "turned", "compressed", "darkened"}
    for outcome in outcomes:
        assert outcome.own_first >= 0.95, outcome
        assert outcome.type_in_next_five >= 0.9, outcome
