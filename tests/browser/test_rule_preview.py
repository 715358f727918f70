"""A merchandiser looks at what a rule does before saving it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from recommender.models import BusinessRule
from shop.models import User

pytestmark = pytest.mark.browser


def log_in(page: Page, url: str) -> None:
    User.objects.create_superuser("admin@example.com", "correct-horse-battery")
    page.goto(f"{url}/admin/")
    page.get_by_label("Email").fill("admin@example.com")
    page.get_by_label("Password").fill("correct-horse-battery")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Business rules")).to_be_visible()


def test_a_rule_is_previewed_as_the_form_has_it_also_on_a_phone(
    page: Page, live_server: Any, make_product: Any
) -> None:
    then = timezone.now() - timedelta(days=100)
    mugs = [make_product(f"Stoneware mug {n}", released_at=then - timedelta(days=n)) for n in range(9)]
    rule = BusinessRule.objects.create(name="Mug", action="exclude", product=mugs[4])
    log_in(page, live_server.url)
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{live_server.url}/admin/recommender/businessrule/{rule.pk}/change/")

    page.get_by_role("button", name="Show the preview").click()
    before = page.get_by_role("region", name="Without the rule")
    after = page.get_by_role("region", name="With the rule")
    expect(before.get_by_role("listitem")).to_have_count(9)
    expect(before.get_by_role("listitem").nth(4)).to_contain_text("gone")
    expect(after.get_by_role("listitem").nth(4)).to_contain_text("Stoneware mug 5 ▲ up 1")

    page.get_by_label("Action").select_option("pin")
    page.get_by_label("Position").fill("2")
    page.get_by_role("button", name="Show the preview").click()
    expect(after.get_by_role("listitem").nth(1)).to_contain_text("Stoneware mug 4 ◆ pinned")
    expect(after.get_by_role("listitem").nth(2)).to_contain_text("Stoneware mug 1 ▼ down 1")
    assert BusinessRule.objects.get().action == "exclude"
    assert page.evaluate("document.documentElement.scrollWidth") == 375

    page.get_by_label("Position").fill("")
    page.get_by_role("button", name="Show the preview").click()
    expect(page.locator("#rule-preview")).to_contain_text("A pin needs a position, from 1 to 100.")
