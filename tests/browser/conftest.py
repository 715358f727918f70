"""A real Chromium, a live shop on generated data, and a Celery worker beside it."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shop.celery import app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium; install your system's package, such as apt-get install chromium.")
    expect.set_options(timeout=20_000)  # on a busy machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser without cookies; a page error or a refused script fails the test that made it."""
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None
    )
    yield page
    context.close()
    assert not problems, problems


@pytest.fixture
def generated_shop(transactional_db: None, tmp_path: Any, settings: Any) -> None:
    """A small generated shop with shoppers and pictures, and the feature store in place."""
    settings.MEDIA_ROOT = tmp_path / "media"
    call_command("generate_dataset", users=120, items=240, interactions=6000, seed=3, out=tmp_path / "made")
    call_command("features", "apply")


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """A Celery worker in a thread of this process, on the same test database."""
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=60):
        yield
