"""The lists made ahead hold what their user can buy and would."""

from types import SimpleNamespace

import numpy as np
import pytest

from recommender import datasets, publishing
from recommender.models import Interaction, ModelVersion, Recommendation
from shop.models import Product
from tests.recommender.tiny_shop import make_shop

# Feast reads over connections of its own, which see committed rows only.
pytestmark = pytest.mark.django_db(transaction=True)


def test_lists_leave_out_what_is_sold_out_and_what_is_bought_once() -> None:
    make_shop()
    first = Interaction.objects.earliest("id")
    bought = set(Interaction.objects.filter(user=first.user).values_list("product_id", flat=True))
    Product.objects.filter(pk=first.product_id).update(repeatable=True)
    gone = Product.objects.exclude(pk__in=bought).earliest("id")
    Product.objects.filter(pk=gone.pk).update(stock=0)
    version = ModelVersion.objects.create()
    model = SimpleNamespace(
        encode_items=lambda items: np.ones((len(items), 2), np.float32),
        encode_users=lambda users, histories, item_ids: np.ones((len(users), 2), np.float32),
    )
    publishing.publish(
        version, model=model, data=datasets.build_dataset(), as_of=2_000_000_000, on_fraction=lambda _: None
    )
    lists = {row.user_id: set(row.product_ids) for row in Recommendation.objects.filter(version=version)}
    assert not any(gone.pk in products for products in lists.values())
    assert lists[first.user_id] & bought == {first.product_id}
