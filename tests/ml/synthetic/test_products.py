"""The catalogue looks like a shop's."""

import numpy as np
import pytest

from ml.synthetic.descriptions import describe, review
from ml.synthetic.products import DAY
from ml.synthetic.shop import HISTORY_DAYS, SyntheticShop
from ml.synthetic.taxonomy import load_taxonomy

FACTS = {
    "brand": "Harlow",
    "noun": "Mug",
    "colour": "Sage Green",
    "material": "Stoneware",
    "pattern": "Dotted",
    "size": "350 ml",
    "style": "Industrial",
}


def test_no_two_products_share_a_name_or_a_sku(shop: SyntheticShop) -> None:
    assert len(set(shop.catalogue.name)) == len(shop.catalogue) == len(set(shop.catalogue.sku)) == 800


def test_names_tell_brand_colour_and_size_and_agree_with_the_attributes(shop: SyntheticShop) -> None:
    goods = shop.catalogue
    for name, brand, facts in zip(goods.name, goods.brand, goods.attributes, strict=True):
        assert name.startswith(brand)
        assert facts["colour"] in name
        assert facts["size"] in name


def test_every_type_is_on_sale(shop: SyntheticShop) -> None:
    assert len(np.unique(shop.catalogue.type_index)) == len(shop.catalogue.taxonomy.types)


def test_dear_brands_cost_more_than_cheap_ones_of_the_same_type(shop: SyntheticShop) -> None:
    goods = shop.catalogue
    levels = [
        next(brand.level for brand in goods.type_of(row).brands if brand.name == goods.brand[row])
        for row in range(len(goods))
    ]
    usual = np.array([goods.type_of(row).price for row in range(len(goods))])
    assert np.corrcoef(levels, np.log(goods.price / usual))[0, 1] > 0.6


def test_a_list_price_is_above_the_price_and_only_some_products_have_one(shop: SyntheticShop) -> None:
    discounted = ~np.isnan(shop.catalogue.list_price)
    assert 0.15 < discounted.mean() < 0.45
    assert (shop.catalogue.list_price[discounted] > shop.catalogue.price[discounted]).all()
    assert (shop.catalogue.price > 0).all()


def test_a_few_products_are_sold_out_restricted_by_age_or_by_region(shop: SyntheticShop) -> None:
    goods = shop.catalogue
    assert 0 < (goods.stock == 0).mean() < 0.15
    assert set(np.unique(goods.min_age)) == {0, 18}
    assert 0 < np.mean([bool(regions) for regions in goods.regions]) < 0.1


def test_ratings_lie_between_one_and_five_and_are_missing_where_nobody_rated(shop: SyntheticShop) -> None:
    rated = shop.catalogue.rating_count > 0
    assert np.isnan(shop.catalogue.rating[~rated]).all()
    assert ((shop.catalogue.rating[rated] >= 1) & (shop.catalogue.rating[rated] <= 5)).all()


def test_new_products_arrive_all_along_and_none_after_the_end(shop: SyntheticShop) -> None:
    age_days = (shop.until - shop.catalogue.released_at) / DAY
    assert age_days.min() > 0
    assert (age_days < 30).any()
    assert 0.3 < (age_days < HISTORY_DAYS).mean() < 0.6


def test_products_with_the_same_brand_and_style_are_nearer_in_latent_space(shop: SyntheticShop) -> None:
    goods = shop.catalogue
    label = np.array(
        [brand + facts["style"] for brand, facts in zip(goods.brand, goods.attributes, strict=True)]
    )
    unit = goods.latent / np.linalg.norm(goods.latent, axis=1, keepdims=True)
    cosine, same = unit @ unit.T, label[:, None] == label
    np.fill_diagonal(same, False)
    assert cosine[same].mean() > cosine[~same].mean() + 0.3


def test_a_description_mentions_the_attributes_in_two_to_four_sentences() -> None:
    mug = load_taxonomy().types[0]
    for seed in range(20):
        text = describe(mug, facts=FACTS, rng=np.random.default_rng(seed))
        assert 2 <= text.count(". ") + 1 <= 4
        assert "{" not in text
        assert "dotted" in text.lower()
        assert "sage green" in text
        assert "a industrial" not in text
        assert text[0].isupper()


@pytest.mark.parametrize("stars", [1, 2, 3, 4, 5])
def test_a_review_fits_its_stars(stars: int) -> None:
    words = {review(load_taxonomy().types[0], facts=FACTS, stars=stars, tick=tick / 10) for tick in range(10)}
    assert len(words) > 1
    assert all(title and text and "{" not in text for title, text in words)
