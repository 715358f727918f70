"""manage.py co_purchases: counts anew which products are bought together."""

from typing import Any

from django.core.management.base import BaseCommand

from recommender import co_purchases


class Command(BaseCommand):
    help = "Count anew which products are bought together; the worker does so every hour."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{co_purchases.recompute():,} pairs of products are bought together.")
