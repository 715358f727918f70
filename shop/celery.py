"""The Celery application, which starts the embedded Redis before its first connection."""

import os
from typing import Any

from celery import Celery

from shop import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")


class ShopCelery(Celery):
    """Celery whose broker is the one of REDIS_URL, else the embedded Redis."""

    def connection_for_read(self, url: str | None = None, **options: Any) -> Any:
        return super().connection_for_read(url or embedded.broker_url(), **options)

    def connection_for_write(self, url: str | None = None, **options: Any) -> Any:
        return super().connection_for_write(url or embedded.broker_url(), **options)


app = ShopCelery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
