"""The whole loop as people meet it: a shopper signs up, views and buys; an admin trains; the shop learns."""

import re

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from recommender.models import Impression, Interaction, ModelVersion
from shop.models import Category, Order, Product, User

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Kind = Interaction.Kind


def for_you(page: Page, url: str) -> list[str]:
    """Return the names on the home page's first shelf, in order."""
    page.goto(url)
    return page.locator("[data-placement=home_for_you] .card-name").all_inner_texts()


def sign_up(page: Page, url: str, *, email: str, preference: Category) -> None:
    page.goto(f"{url}/sign-up/")
    page.get_by_label("Name").fill("Carol")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill("correct-horse-battery")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="What do you like?")).to_be_visible()
    page.locator(f"input[name=categories][value='{preference.pk}']").check(force=True)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/$"))


def department_of(name: str) -> str:
    return Product.objects.select_related("category").get(name=name).category.path.split("/")[0]


def log_in_admin(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/")
    page.get_by_label("Email").fill("admin@example.com")
    page.get_by_label("Password").fill("demo-password")
    page.get_by_role("button", name="Log in").click()


def view(page: Page, url: str, product: Product) -> None:
    page.goto(f"{url}{product.get_absolute_url()}")
    expect(page.get_by_role("heading", level=1)).to_have_text(product.name)


def buy_first_recommended(page: Page, url: str) -> Product:
    """Follow the list's first product, put it into the cart and order it; return it."""
    for_you(page, url)
    page.locator("[data-placement=home_for_you] .card a").first.click()
    bought = Product.objects.get(name=page.get_by_role("heading", level=1).inner_text())
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#messages")).to_contain_text("cart")
    page.goto(f"{url}/checkout/")
    page.get_by_label("Name").fill("Carol")
    page.get_by_label("Address").fill("1 High Street")
    page.get_by_label("Country").select_option(index=1)
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_role("main")).to_contain_text(bought.name)
    return bought


def train_in_the_admin(office: Page, url: str) -> None:
    """Press Train, and wait until the run's page says that it succeeded."""
    User.objects.create_superuser("admin@example.com", "demo-password")
    log_in_admin(office, url)
    office.goto(f"{url}/admin/recommender/trainingrun/")
    office.get_by_role("button", name="Train now").click()
    expect(office.locator("#run-state")).to_have_text("Succeeded", timeout=180_000)
    expect(office.locator("#run-progress")).to_contain_text(re.compile("category.rule", re.IGNORECASE))


def test_a_shopper_and_an_admin_close_the_loop(page, chromium, live_server, generated_shop, worker):
    call_command("train", epochs=8)
    first = ModelVersion.objects.get(status="active")
    liked = Category.objects.get(path="home/kitchen")
    url = live_server.url

    sign_up(page, url, email="carol@example.com", preference=liked)
    matching = for_you(page, url)
    assert len(matching) == 12
    departments = [department_of(name) for name in matching]
    assert departments.count("home") >= 6, departments

    elsewhere = Product.objects.available().eligible(region="", age=None)
    seen = elsewhere.exclude(category__path__startswith="home/").first()
    view(page, url, seen)
    after_view = for_you(page, url)
    assert after_view != matching
    assert seen.name not in after_view

    bought = buy_first_recommended(page, url)
    carol = User.objects.get(email="carol@example.com")
    assert Order.objects.get(user=carol).items.get().product == bought
    click = Interaction.objects.get(user=carol, kind=Kind.CLICK)
    assert bought.pk in Impression.objects.get(pk=click.impression_id).product_ids
    assert Interaction.objects.filter(user=carol, kind=Kind.PURCHASE, product=bought).exists()
    after_purchase = for_you(page, url)
    assert after_purchase != after_view
    assert bought.name not in after_purchase

    train_in_the_admin(chromium.new_context().new_page(), url)
    second = ModelVersion.objects.get(status="active")
    assert second.pk > first.pk
    page.goto(url)
    shelf = page.locator("[data-placement=home_for_you]")
    assert shelf.get_attribute("data-version") == str(second.pk)
