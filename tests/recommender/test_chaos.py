"""Whatever breaks beside PostgreSQL, every page is 200 and full."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.utils import timezone

from recommender import encoders, features, item_matrix, snapshot, versions
from recommender.interactions import record_interaction
from recommender.mapped_vectors import MappedVectors
from recommender.models import CoPurchase, Interaction, ItemEmbedding, ModelVersion
from shop.models import Cart, Order, Product, User
from shop.visitors import Visitor
from tests.recommender.redis_states import NOBODY, break_redis, empty_redis, mend_redis

Kind = Interaction.Kind
API = "/api/recommendations/"
# How many cards each placement of a page must have, whatever is broken. What lists a shopper's own past, or
# what was bought together, has no more than that; "because you viewed" fills up by the category alone.
FULL = {
    "home": {"home_for_you": 12, "home_because_you_viewed": 6},
    "more": {"home_recently_viewed": 2, "home_buy_again": 1, "home_trending": 6, "home_new_arrivals": 6},
    "product": {"product_bought_together": 1, "product_similar": 6},
    "category": {},
    "empty cart": {"cart_empty": 6},
    "cart": {"cart_complements": 6},
    "search": {"search_empty": 12},
    "order": {"order_next": 6},
    "your data": {},
    "api": {},
}
GUESTS = {"home": {"home_for_you": 12}, "more": {"home_trending": 6, "home_new_arrivals": 6}}


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A shop with a past, and a model that is served."""

    products: list[Product]
    shopper: User
    order: Order
    version: ModelVersion


@pytest.fixture
def shop(make_product: Callable[..., Product], alice: User) -> Shop:
    """Ten coffees and ten mugs that others looked at; Alice bought a coffee and looked at two mugs."""
    products = [
        make_product(f"{kind} {number}", category=f"Home > {kind}s", repeatable=kind == "Coffee")
        for kind in ("Coffee", "Mug")
        for number in range(10)
    ]
    for product in products:
        did(Visitor(id=uuid.uuid4()), product, Kind.VIEW)
    for product, other in ((products[0], products[10]), (products[10], products[0])):
        CoPurchase.objects.create(
            product=product, other=other, support=9, lift=4.0, computed_at=timezone.now()
        )
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    did(visitor, products[0], Kind.PURCHASE, days_ago=40)
    for product in products[18:]:
        did(visitor, product, Kind.VIEW)
    order = alice.orders.create(
        total=5, ship_to_name="Alice", ship_to_address="1 High Street", ship_to_region="DE"
    )
    order.items.create(product=products[10], name="Mug 0", price=5, quantity=1)
    return Shop(products=products, shopper=alice, order=order, version=served(products))


def did(visitor: Visitor, product: Product, kind: str, *, days_ago: float = 0) -> None:
    event_id = uuid.uuid4()
    record_interaction(event_id=event_id, visitor=visitor, product_id=product.pk, kind=kind)
    then = timezone.now() - timedelta(days=days_ago)
    Interaction.objects.filter(event_id=event_id).update(occurred_at=then)


def served(products: list[Product]) -> ModelVersion:
    """Return an active version whose weights are of no use, with a vector for each product."""
    version = ModelVersion.objects.create(
        status=ModelVersion.Status.ACTIVE,
        artifact_path=f"models/{uuid.uuid4().hex}",
        artifact_sha256="0" * 64,
    )
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(version=version, product=product, vector=[float(at < 10), float(at >= 10), 0.0])
        for at, product in enumerate(products)
    )
    return version


class TowardsCoffee:
    """A user tower for whom everybody likes coffee."""

    def encode_user(self, **_: Any) -> np.ndarray:
        return np.array([1.0, 0.1, 0.0], dtype=np.float32)


def shortcomings(shop: Shop) -> dict[str, str]:
    """Return what is wrong with the pages, by page, for a shopper with a past and for a guest."""
    browser, guest = Client(raise_request_exception=False), Client(raise_request_exception=False)
    browser.force_login(shop.shopper)
    found = {}
    for name, address in addresses(shop).items():
        if name == "cart":
            Cart.objects.get_or_create(user=shop.shopper)[0].items.create(product=shop.products[11])
        for who, client, full in (("shopper", browser, FULL[name]), ("guest", guest, GUESTS.get(name, {}))):
            if who == "guest" and name in ("order", "cart"):
                continue
            said = shortcoming(client, address, full=full)
            if said:
                found[f"{name}, {who}"] = said
    return found


def addresses(shop: Shop) -> dict[str, str]:
    mug = shop.products[10]
    return {
        "home": "/",
        "more": "/more/",
        "product": mug.get_absolute_url(),
        "category": mug.category.get_absolute_url(),
        "empty cart": "/cart/",
        "cart": "/cart/",
        "search": "/search/?q=zyxw",
        "order": shop.order.get_absolute_url(),
        "your data": "/your-data/",
        "api": f"{API}?k=10",
    }


def shortcoming(client: Client, address: str, *, full: dict[str, int]) -> str:
    """Return what is wrong with one page, "" for nothing."""
    answer = client.get(address)
    if answer.status_code != 200:
        return f"{answer.status_code}"
    if address.startswith(API):
        number = len(answer.json()["products"])
        return "" if number == 10 else f"{number} of 10"
    html = answer.content.decode()
    cards = {
        placement: shelf.count('<article class="card')
        for placement, shelf in re.findall(r'data-placement="(\w+)"(.*?)</section>', html, re.DOTALL)
    }
    short = {name: cards.get(name, 0) for name, least in full.items() if cards.get(name, 0) < least}
    return f"too few cards: {short}" if short else ""


# What breaks


@contextmanager
def nothing_broken(shop: Shop) -> Iterator[None]:
    with patch.object(versions, "load_user_tower", lambda _version: TowardsCoffee()):
        yield


@contextmanager
def no_redis(shop: Shop) -> Iterator[None]:
    """Nobody listens where Redis should be."""
    break_redis()
    forget_cache()
    with (
        nothing_broken(shop),
        patch("shop.embedded.redis_url", lambda: NOBODY),
        patch.object(features._state, "stores", {}),
    ):
        yield
    forget_cache()
    mend_redis()


def forget_cache() -> None:
    """Let Django make its cache anew, for the address of now."""
    _ = caches["default"]
    del caches["default"]


@contextmanager
def no_consumer(shop: Shop) -> Iterator[None]:
    """Impressions and events wait in Redis, and nobody reads them."""
    empty_redis()
    with nothing_broken(shop), patch.object(settings, "BUFFER_IMPRESSIONS", True):
        yield
    empty_redis()


@contextmanager
def no_model(shop: Shop) -> Iterator[None]:
    shop.version.delete()
    versions._serving.forget()
    yield


@contextmanager
def no_artifact(shop: Shop) -> Iterator[None]:
    """The version's folder is gone."""
    assert not versions.folder_of(shop.version).exists()
    yield


@contextmanager
def damaged_artifact(shop: Shop) -> Iterator[None]:
    folder = versions.folder_of(shop.version)
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "meta.json"):
        (folder / name).write_bytes(b"\0" * 100)
    yield


@contextmanager
def damaged_matrix(shop: Shop) -> Iterator[None]:
    """The file of the item vectors was cut short after it had been written."""
    item_matrix.prepare(shop.version, catalogue=snapshot.current())
    for file in matrix_files():
        file.write_bytes(file.read_bytes()[:100])
    item_matrix.forget()
    with nothing_broken(shop):
        yield


@contextmanager
def unwritable_matrix(shop: Shop) -> Iterator[None]:
    """The file of the item vectors cannot be written."""
    with nothing_broken(shop), patch.object(MappedVectors, "_write", side_effect=OSError("disk full")):
        yield


@contextmanager
def no_feature_store(shop: Shop) -> Iterator[None]:
    """Feast was never applied, so that no view is there to be read."""
    with nothing_broken(shop), patch.object(features, "open_store", side_effect=OSError("no such view")):
        features._state.stores.clear()
        yield


def matrix_files() -> list[Path]:
    return list((Path(settings.DATA_DIR) / item_matrix.FOLDER).glob("*.npy"))


BREAKAGES: list[Callable[[Shop], AbstractContextManager[None]]] = [
    nothing_broken,
    no_redis,
    no_consumer,
    no_model,
    no_artifact,
    damaged_artifact,
    damaged_matrix,
    unwritable_matrix,
    no_feature_store,
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_every_page_is_whole_without(breakage, shop):
    with breakage(shop):
        assert shortcomings(shop) == {}


class ReadyEncoder:
    """An encoder that has been loaded, so that search asks for vectors."""

    name = "ready"


@pytest.mark.django_db
@pytest.mark.parametrize("has_matrix", [True, False])
def test_every_page_is_whole_without_pgvector(shop, has_matrix, monkeypatch):
    if has_matrix:  # a process that read the vectors before goes on with them
        Client().get("/")
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION vector CASCADE")
    if not has_matrix:
        item_matrix.forget()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda **_: ReadyEncoder())
    monkeypatch.setattr(encoders, "encode_query", lambda *_, **__: np.ones(8, dtype=np.float32))
    with nothing_broken(shop):
        assert shortcomings(shop) == {}
        found = Client().get("/search/?q=coffee")
        assert found.status_code == 200
        assert b"Coffee 0" in found.content
        browser = Client()
        browser.force_login(shop.shopper)
        export = b"".join(browser.get("/your-data/export/").streaming_content)
        assert json.loads(export)["vectors"] == []
