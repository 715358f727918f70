"""The recommender's addresses: search, and the API."""

from django.urls import path

from recommender.api import RecommendationsView
from recommender.views import search

app_name = "recommender"
urlpatterns = [
    path("search/", search.search, name="search"),
    path("search/image/", search.search_by_image, name="search_by_image"),
    path("api/recommendations/", RecommendationsView.as_view(), name="api-recommendations"),
]
