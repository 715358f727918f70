"""The search page: by words and by an uploaded picture."""

from http import HTTPStatus
from typing import cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from recommender.search import finding as finder
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
    results = finder.search_products(typed, visitor=visitor)
    paginator = Paginator(results.product_ids, PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    found = page.object_list
    if not results.query:
        found = finder.popular_products(visitor=visitor, limit=POPULAR_SHOWN)
    context = {
        "query": results.query,
        "results": results,
        "page": page,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "products": finder.load_products(list(found), visitor=visitor),
        "was_cut": len(" ".join(typed.split())) > finder.MAX_QUERY_LENGTH,
    }
    return render(request, "recommender/search.html", context)


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
        ids = finder.search_by_image(
            picture, visitor=visitor, limit=PAGE_SIZE, wait_seconds=ENCODER_WAIT_SECONDS
        )
    except UploadRefused as refusal:
        return _explain(request, message=str(refusal), status=refusal.status)
    except finder.EncoderNotReady:
        message = "Picture search is still waking up. Try again in a moment."
        return _explain(request, message=message, status=HTTPStatus.SERVICE_UNAVAILABLE)
    context = {"by_picture": True, "products": finder.load_products(ids, visitor=visitor)}
    return render(request, "recommender/search.html", context)


def _explain(request: HttpRequest, *, message: str, status: HTTPStatus) -> HttpResponse:
    return render(request, "recommender/search.html", {"by_picture": True, "message": message}, status=status)
