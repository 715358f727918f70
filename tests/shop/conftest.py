"""What the shop's tests share: a way to hear signals, and visitors who are logged in."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client

from shop.models import Cart, User
from shop.visitors import Visitor


@pytest.fixture
def hear() -> Iterator[Callable[[Signal], list[dict[str, Any]]]]:
    """Return a function that collects what a signal carries from now on."""
    connected: list[tuple[Signal, Any]] = []

    def start(signal: Signal) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def listener(sender: Any, **facts: Any) -> None:
            heard.append({"sender": sender, **facts})

        signal.connect(listener, weak=False)
        connected.append((signal, listener))
        return heard

    yield start
    for signal, listener in connected:
        signal.disconnect(listener)


@pytest.fixture
def break_listener() -> Iterator[Callable[[Signal], None]]:
    """Return a function that adds a listener which fails."""
    connected: list[tuple[Signal, Any]] = []

    def start(signal: Signal) -> None:
        def listener(sender: Any, **facts: Any) -> None:
            raise RuntimeError("the listener failed")

        signal.connect(listener, weak=False)
        connected.append((signal, listener))

    yield start
    for signal, listener in connected:
        signal.disconnect(listener)


@pytest.fixture
def shopper(alice: User) -> Visitor:
    """Alice, logged in."""
    return Visitor(id=uuid.uuid4(), user=alice)


@pytest.fixture
def alice_client(alice: User) -> Client:
    """A browser in which Alice is logged in."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def cart_holding(db: None) -> Callable[..., Cart]:
    """Return a function that fills a user's cart: `cart_holding(alice, mug, 2)`."""

    def fill(user: User, product: Any, quantity: int = 1) -> Cart:
        cart, _ = Cart.objects.get_or_create(user=user)
        cart.items.create(product=product, quantity=quantity)
        return cart

    return fill
