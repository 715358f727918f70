"""manage.py check_recall says what each way of retrieval finds."""

import io

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommender.models import ModelVersion
from recommender.recall import recall_of
from tests.recommender.large_shop import make_products, make_version, tower_vectors

pytestmark = pytest.mark.django_db


def test_prints_a_row_for_each_way_and_filter():
    make_version(make_products(300), vectors=tower_vectors(300, seed=1, width=9))
    out = io.StringIO()
    call_command("check_recall", k=5, queries=4, selectivity=[0.1, 1.0], stdout=out)
    lines = out.getvalue().splitlines()
    assert "300 products, recall@5" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["10%"] * 3 + ["100%"] * 3
    assert all(" 1.000 " in line for line in lines[2:])


@pytest.mark.parametrize("bad", [{"k": 0}, {"queries": 0}, {"selectivity": [0.0]}, {"selectivity": [2.0]}])
def test_a_wrong_call_is_refused_with_its_cure(bad):
    with pytest.raises(CommandError, match="must be 1 or more|shares above 0"):
        call_command("check_recall", **bad)


def test_without_a_model_it_says_how_to_get_one():
    with pytest.raises(CommandError, match="manage.py train"):
        call_command("check_recall")
    ModelVersion.objects.create(status="active")
    with pytest.raises(CommandError, match="no item vectors"):
        call_command("check_recall")


def test_recall_is_the_share_that_was_found():
    assert recall_of(np.array([1, 2, 9]), exact=np.array([1, 2, 3, 4])) == 0.5
    assert recall_of(np.array([]), exact=np.array([])) == 1.0
