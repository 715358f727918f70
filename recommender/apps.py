"""The recommendation loop as a Django app."""

from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    name = "recommender"

    def ready(self) -> None:
        # Models exist only once every app is loaded, so the listeners cannot be imported above.
        from recommender import receivers

        receivers.connect()
