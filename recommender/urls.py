"""The recommender's addresses: search, and the API."""

from django.urls import path

from recommender.views import search

app_name = "recommender"
urlpatterns = [
    path("search/", search.search, name="search"),
    path("search/image/", search.search_by_image, name="search_by_image"),
]
