"""The ASGI application that the web server runs when it speaks ASGI."""

import os

from django.core.asgi import get_asgi_application

from shop.warmup import warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

application = get_asgi_application()
warm_up()
