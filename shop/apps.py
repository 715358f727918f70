"""The storefront as a Django app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"
