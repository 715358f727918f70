"""What lists are compared with, counted over a small log by hand."""

import numpy as np

from ml.background import Background
from ml.categories import Categories, share_of_rows
from ml.data import Dataset, EntityTable
from ml.splits import by_time
from tests.ml.shops import events

# User 0 bought both mugs and disliked a spade; user 1 bought a mug; from second 10 on user 0 wants a spade.
LOG = events(
    (0, 0, "purchase", None, 1),
    (0, 1, "purchase", None, 2),
    (0, 3, "dislike", None, 3),
    (1, 0, "purchase", None, 4),
    (0, 2, "purchase", None, 10),
)
PATHS = [("mugs",), ("mugs",), ("spades",), ("spades",)]
LISTS = np.array([[2, 1]])


def background(items: EntityTable) -> Background:
    dataset = Dataset(users=EntityTable(ids=np.arange(2)), items=items, interactions=LOG)
    split = by_time(LOG, num_users=2, cut=10)
    return Background.of(dataset, known=split.known, test=split.test)


def test_a_background_counts_what_was_known_before_the_test():
    found = background(EntityTable(ids=np.arange(4), multi={"category_path": PATHS}))
    assert found.popularity.tolist() == [2, 1, 0, 0], "a dislike is no like"
    assert found.num_users == 2
    assert found.known_items.tolist() == [3], "but it is something that the user did"
    assert found.taste is not None
    assert found.taste.toarray().tolist() == [[2, 0]], "two mugs"
    measured = found.metrics(LISTS)
    # Of two users none and one: 1 bit each, an item of nobody's counting as one user's.
    assert measured["novelty"].tolist() == [1]
    assert measured["diversity"].tolist() == [1], "a mug and a spade"
    # All mugs wished, half of them shown: ln(1 / (.99 x .5 + .01)).
    assert np.allclose(measured["calibration"], np.log(1 / 0.505))


def test_without_categories_diversity_is_of_vectors_and_calibration_is_not_measured():
    vectors = {"text": np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)}
    measured = background(EntityTable(ids=np.arange(4), vectors=vectors)).metrics(LISTS)
    assert set(measured) == {"novelty", "diversity"}
    assert measured["diversity"].tolist() == [0]
    assert set(background(EntityTable(ids=np.arange(4))).metrics(LISTS)) == {"novelty"}


def test_what_cannot_be_measured_for_anybody_is_absent():
    found = background(EntityTable(ids=np.arange(4), multi={"category_path": PATHS}))
    assert set(found.metrics(np.array([[2]]))) == {"novelty", "calibration"}, "one item is no pair"


def test_plain_categories_and_preferences_are_read_and_unknown_names_left_out():
    column = np.array(["mugs", "", "spades"], dtype=object)
    categories = Categories.of(EntityTable(ids=np.arange(3), categorical={"category": column}))
    assert categories.of_items.toarray().tolist() == [[1, 0], [0, 0], [0, 1]]
    users = EntityTable(ids=np.arange(2), multi={"preferences": [("spades", "boats"), ()]})
    assert categories.stated(users).toarray().tolist() == [[0, 1], [0, 0]]
    assert share_of_rows(categories.of_items * 4).toarray().tolist() == [[1, 0], [0, 0], [0, 1]]
    assert len(Categories.of(EntityTable(ids=np.arange(3)))) == 0
