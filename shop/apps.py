"""The storefront as a Django app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self) -> None:
        # Models exist only once every app is loaded, so the listeners cannot be imported above.
        from shop import receivers

        receivers.connect()
