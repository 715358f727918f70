"""The catalogue in memory: what it holds, when it is read again, and by whom."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import DatabaseError
from django.utils import timezone

from recommender import snapshot
from recommender.refreshing import Refreshed
from shop.models import Product

pytestmark = pytest.mark.django_db


def test_every_column_stands_in_the_order_of_the_ids(make_product):
    released = timezone.now() - timedelta(days=3)
    mug = make_product(
        "Mug",
        category="Home > Mugs",
        brand="Alder",
        list_price=Decimal("20.00"),
        rating=Decimal("4.50"),
        rating_count=7,
        attributes={"Colour": "Blue", "Litres": 2, "Lid": True, "Note": None},
        regions=["DE", "GB"],
        min_age=3,
        repeatable=True,
        released_at=released,
    )
    lamp = make_product("Lamp", stock=0, active=False)
    catalogue = snapshot.current()
    assert catalogue.product_id.tolist() == [mug.pk, lamp.pk]
    assert catalogue.category_path[catalogue.category_id[0]] == "home/mugs"
    assert [catalogue.brands[code] for code in catalogue.brand] == ["Alder", ""]
    assert catalogue.discount.tolist() == [0.5, 0.0]
    assert (catalogue.rating[0], np.isnan(catalogue.rating[1])) == (4.5, True)
    assert (catalogue.stock.tolist(), catalogue.active.tolist()) == ([5, 0], [True, False])
    assert catalogue.attributes == (("colour=blue", "lid=true", "litres=2"), ())
    assert catalogue.region_names == ("DE", "GB")
    assert catalogue.regions.tolist() == [3, snapshot.EVERYWHERE]
    assert catalogue.released_at[0] == pytest.approx(released.timestamp(), abs=1e-3)
    assert (catalogue.min_age[0], catalogue.repeatable[0], catalogue.rating_count[0]) == (3, True, 7)


def test_the_attributes_are_named_as_feast_names_them(make_product):
    make_product(attributes={"Size": "XL", "Depth": 1.5, "Wide": False})
    assert snapshot.current().attributes == (("depth=1.5", "size=xl", "wide=false"),)


def test_rows_are_found_by_id_and_by_category(make_product):
    mug = make_product(category="Home > Mugs")
    make_product(category="Homeware")
    plate = make_product(category="Home > Plates")
    catalogue = snapshot.current()
    assert catalogue.rows_of(np.array([plate.pk, 10**9, mug.pk])).tolist() == [2, -1, 0]
    home = mug.category.parent_id
    assert catalogue.rows_in([home, 10**9]).tolist() == [True, False, True]
    assert catalogue.newest_rows.tolist() == [2, 1, 0]


def test_an_empty_shop_is_an_empty_catalogue(db):
    catalogue = snapshot.current()
    assert len(catalogue) == 0
    assert catalogue.rows_of(np.array([1])).tolist() == [-1]


@pytest.mark.parametrize("change", ["save", "update", "delete", "create", "category"])
def test_any_change_by_any_writer_is_noticed(make_product, change):
    mug, lamp = make_product("Mug"), make_product("Lamp")
    before = snapshot._load(None)
    assert snapshot._load(before) is before
    if change == "save":
        mug.stock = 1
        mug.save()
    elif change == "update":
        Product.objects.filter(pk=mug.pk).update(stock=1)
    elif change == "delete":
        lamp.delete()
    elif change == "create":
        make_product("Plate")
    else:
        mug.category.path = "elsewhere"
        mug.category.save()
    after = snapshot._load(before)
    assert after is not before
    assert len(after.catalogue) == Product.objects.count()
    assert after.catalogue.stock[0] == Product.objects.get(pk=mug.pk).stock


def test_texts_are_read_again_for_the_changed_rows_alone(make_product, monkeypatch):
    products = [make_product(brand=f"Brand {n}") for n in range(5)]
    before = snapshot._load(None)
    Product.objects.filter(pk=products[2].pk).update(brand="Other", attributes={"colour": "red"})
    asked = []
    read = snapshot._read_texts
    monkeypatch.setattr(snapshot, "_read_texts", lambda rows: asked.append(rows.count()) or read(rows))
    after = snapshot._load(before).catalogue
    assert asked == [1]
    assert [after.brands[code] for code in after.brand] == [
        "Brand 0",
        "Brand 1",
        "Other",
        "Brand 3",
        "Brand 4",
    ]
    assert after.attributes[2] == ("colour=red",)


def test_one_thread_reads_again_while_the_others_use_what_is_there():
    started, go_on = threading.Event(), threading.Event()
    made = []

    def make(before):
        if before is not None:
            started.set()
            go_on.wait(5)
        made.append(before)
        return object()

    kept = Refreshed(make, seconds=60.0, name="a test")
    first = kept.get()
    kept._made_at -= 61
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.refreshing.connection", OutsideATransaction())
        answers = [kept.get() for _ in range(20)]
        assert started.wait(5)
        answers.append(kept.get())
        go_on.set()
        assert all(answer is first for answer in answers)
        assert wait_until(lambda: kept._value is not first)
    assert made == [None, first]


def test_what_cannot_be_read_again_serves_on(caplog):
    def make(before):
        if before is not None:
            raise DatabaseError("the server is away")
        return "the catalogue"

    kept = Refreshed(make, seconds=60.0, name="a test")
    assert kept.get() == "the catalogue"
    kept._made_at -= 61
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.refreshing.connection", OutsideATransaction())
        assert kept.get() == "the catalogue"
        assert wait_until(lambda: "the server is away" in caplog.text)
        assert kept.get() == "the catalogue"


def test_after_a_quiet_hour_the_request_itself_reads_again():
    kept = Refreshed(lambda before: (before or 0) + 1, seconds=1.0, name="a test")
    assert kept.get() == 1
    kept._made_at -= 3600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.refreshing.connection", OutsideATransaction())
        assert kept.get() == 2


class OutsideATransaction:
    """A connection, as far as a kept value looks at it."""

    in_atomic_block = False

    def close(self):
        pass


def wait_until(condition):
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()
