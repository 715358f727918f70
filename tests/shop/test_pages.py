"""What holds for every page."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from shop.models import ProductImage

pytestmark = pytest.mark.django_db
INLINE = re.compile(r"""\sstyle=|\son[a-z]+=["']|<style|<script(?![^>]*\ssrc=)""")


@pytest.fixture
def pages(alice, alice_client, make_product, cart_holding):
    """Return the address of every page that a shopper with a cart and an order can open."""
    mug = make_product("Mug", category="Home > Kitchen", brand="Acme")
    for position in (0, 1):
        ProductImage.objects.create(product=mug, url="https://example.com/a.jpg", position=position)
    cart_holding(alice, mug)
    order = alice.orders.create(ship_to_name="A", ship_to_address="B", ship_to_region="US", total=10)
    order.items.create(product=mug, name="Mug", price=10, quantity=1)
    return [
        "/",
        mug.category.get_absolute_url(),
        mug.get_absolute_url(),
        reverse("shop:review", args=[mug.pk]),
        "/cart/",
        "/checkout/",
        "/orders/",
        order.get_absolute_url(),
        "/preferences/",
        reverse("recommender:search"),
    ]


def test_no_page_of_ours_has_a_dead_link_for_guests_or_shoppers(alice_client, client, pages):
    for browser in (alice_client, client):
        links = {"/log-in/", "/sign-up/"}
        for page in pages:
            html = browser.get(page, follow=True).content.decode()
            links |= set(re.findall(r'(?:href|action)="(/[^"#]*)', html))
        for link in sorted(links):
            if link.startswith("/static/"):
                continue
            status = browser.get(link.replace("&amp;", "&")).status_code
            assert status in (200, 302, 405), link  # 405 is a form's address


def test_pages_need_no_inline_style_or_script(alice_client, pages):
    for page in [*pages, "/no-such-page/"]:
        html = alice_client.get(page).content.decode()
        assert not INLINE.search(html), (page, INLINE.search(html))


def test_pages_have_one_heading_landmarks_and_a_way_past_the_header(alice_client, pages):
    for page in pages:
        html = alice_client.get(page).content.decode()
        assert len(re.findall(r"<h1[\s>]", html)) == 1, page
        assert html.count("<main ") == 1
        assert 'href="#main"' in html
        assert 'lang="en"' in html


def test_every_control_has_a_label_and_every_picture_an_alt(alice_client, pages):
    for page in pages:
        html = alice_client.get(page).content.decode()
        assert all(" alt=" in tag for tag in re.findall(r"<img[^>]*>", html)), page
        labelled = set(re.findall(r'<label[^>]*\sfor="([^"]+)"', html))
        bare = re.sub(r"<label.*?</label>", "", html, flags=re.DOTALL)
        for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", bare):
            if 'type="hidden"' not in tag:
                assert re.search(r'\sid="([^"]+)"', tag)[1] in labelled, (page, tag)


def test_pages_come_with_a_strict_content_security_policy(client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", ["/no-such-page/", "/product/1/", "/category/none/"])
def test_a_page_that_is_not_there_looks_like_the_shop(client, settings, path):
    settings.DEBUG = False
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert "shop.css" in answer.content.decode()


def test_a_form_without_its_token_is_refused_in_words(make_product):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("shop:cart_add", args=[make_product().pk]))
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()


def test_a_page_that_breaks_says_so_without_the_database(client, settings, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no database")

    monkeypatch.setattr("shop.selectors.catalogue.departments", broken)
    monkeypatch.setattr("shop.selectors.catalogue.pictured_departments", broken)
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


def test_a_strange_host_is_refused_in_words(client, settings):
    settings.ALLOWED_HOSTS, settings.DEBUG = ["shop.example"], False
    answer = client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "That request makes no sense to us" in answer.content.decode()


def test_the_shop_is_called_what_its_owner_set(client, settings):
    settings.SHOP_NAME = "Corner Shop"
    assert "<title>Corner Shop</title>" in client.get("/").content.decode()
