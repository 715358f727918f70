"""The search page: by words and by an uploaded picture."""

import re
from http import HTTPStatus
from typing import cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from recommender.search import finding as finder
from recommender.search import vectors
from recommender.search.requests import SearchRequest
from recommender.uploads import MAX_BYTES, UploadRefused, read_picture
from shop.visitors import ShopRequest

PAGE_SIZE = 24
POPULAR_SHOWN = 12
ENCODER_WAIT_SECONDS = 20.0
MAX_REQUEST_BYTES = 4 * MAX_BYTES  # above it not a byte is read; below it the answer can explain


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Return the products that answer ?q=, page by page; for no query, how to search and what sells."""
    typed = request.GET.get("q", "")
    visitor = cast(ShopRequest, request).visitor
    query = finder.clean_query(typed)
    results = finder.find(SearchRequest(text=query), visitor=visitor, start=_start(request))
    paginator = Paginator(results.product_ids if query else [], PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    found = page.object_list if query else results.product_ids[:POPULAR_SHOWN]
    context = {
        "query": query,
        "results": results,
        "page": page,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "products": finder.load_products(list(found), visitor=visitor),
        "was_cut": len(" ".join(typed.split())) > finder.MAX_QUERY_LENGTH,
    }
    return render(request, "recommender/search.html", context)


def _start(request: HttpRequest) -> int:
    """Return the place of the page's first product; 0 for a page that is no number."""
    page = request.GET.get("page", "")
    return max(0, int(page) - 1) * PAGE_SIZE if re.fullmatch(r"[0-9]{1,9}", page) else 0


@csrf_exempt  # so that an oversized body is refused unread; the inner view checks the token
def search_by_image(request: HttpRequest) -> HttpResponse:
    """Return the products that look like the uploaded picture, which is decoded in memory and forgotten."""
    if request.method == "POST" and int(request.META.get("CONTENT_LENGTH") or 0) > MAX_REQUEST_BYTES:
        refusal = UploadRefused("That picture is over 5 MB. Send a smaller one.")
        return _explain(request, message=str(refusal), status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return _search_by_image(request)


@require_POST
@csrf_protect
def _search_by_image(request: HttpRequest) -> HttpResponse:
    upload = request.FILES.get("image")
    if upload is None or upload.file is None:
        return _explain(request, message="Choose a picture to search with.", status=HTTPStatus.BAD_REQUEST)
    visitor = cast(ShopRequest, request).visitor
    try:
        picture = read_picture(upload.file, size=upload.size or 0)
    except UploadRefused as refusal:
        return _explain(request, message=str(refusal), status=refusal.status)
    vector = vectors.of_picture(picture, wait_seconds=ENCODER_WAIT_SECONDS)
    if vector is None:
        message = "Picture search is still waking up. Try again in a moment."
        return _explain(request, message=message, status=HTTPStatus.SERVICE_UNAVAILABLE)
    ids = finder.find(SearchRequest(picture_D=vector), visitor=visitor).product_ids[:PAGE_SIZE]
    context = {"by_picture": True, "products": finder.load_products(ids, visitor=visitor)}
    return render(request, "recommender/search.html", context)


def _explain(request: HttpRequest, *, message: str, status: HTTPStatus) -> HttpResponse:
    return render(request, "recommender/search.html", {"by_picture": True, "message": message}, status=status)
