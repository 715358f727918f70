"""The search page: by words and by an uploaded picture."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    return render(request, "recommender/search.html", {})


@require_POST
def search_by_image(request: HttpRequest) -> HttpResponse:
    return render(request, "recommender/search.html", {})
