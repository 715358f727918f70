"""The storefront, and the Django project around it."""

from shop.celery import app as celery_app

__all__ = ["celery_app"]
