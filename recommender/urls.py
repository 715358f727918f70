"""The recommender's addresses: search, what a shopper controls, and the API."""

from django.urls import path

from recommender.api import RecommendationsView
from recommender.views import hiding, search, seen, shelves, your_data
from recommender.views.search_api import SearchView, SuggestionsView

app_name = "recommender"
urlpatterns = [
    path("search/", search.search, name="search"),
    path("search/image/", search.search_by_image, name="search_by_image"),
    path("more/", shelves.more, name="more_shelves"),
    path("not-interested/", hiding.hide, name="hide"),
    path("not-interested/<uuid:event_id>/", hiding.hidden, name="hidden"),
    path("not-interested/<uuid:event_id>/undo/", hiding.unhide, name="unhide"),
    path("your-data/", your_data.show, name="your_data"),
    path("your-data/export/", your_data.export, name="export_data"),
    path("your-data/personalisation/", your_data.personalise, name="personalise"),
    path("your-data/delete/", your_data.delete_all, name="delete_data"),
    path("your-data/events/<uuid:event_id>/delete/", your_data.delete_event, name="delete_event"),
    path("api/recommendations/", RecommendationsView.as_view(), name="api-recommendations"),
    path("api/search/", SearchView.as_view(), name="api-search"),
    path("api/search/suggestions/", SuggestionsView.as_view(), name="api-suggestions"),
    path("api/seen/", seen.seen, name="seen"),
]
