"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from shop.views.health import healthz
from shop.views.media import media

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("media/<path:path>", media),
    path("", include("recommender.urls")),  # by name: the shop imports nothing of the recommender
    path("", include("shop.storefront")),
]

handler400 = "shop.views.errors.bad_request"
