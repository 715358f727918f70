"""The recommendation loop as a Django app."""

from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    name = "recommender"
