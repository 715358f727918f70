"""The search page: by words, by a picture, and by both."""

import io
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from recommender.encoders import EncoderNotReady
from recommender.redis_door import RedisAway
from recommender.search import fetching, kept_pictures, vectors
from recommender.search import finding as finder
from recommender.search.asking import Asked, ask
from recommender.search.requests import SearchPage, SearchRequest
from recommender.search.requests_url import MAX_QUERY_LENGTH, SORTS, address, clean_query
from recommender.uploads import MAX_BYTES, TOO_BIG, InMemory, UploadRefused, read_picture
from recommender.views import search_page
from shop.models import Category, Product
from shop.visitors import ShopRequest

PAGE_SIZE = 24
POPULAR_SHOWN = 12
ENCODER_WAIT_SECONDS = 20.0
MAX_REQUEST_BYTES = 4 * MAX_BYTES  # above it not a byte is read; below it the answer can explain
WAKING_UP = "Picture search is still waking up. Try again in a moment."


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Return the products that the address asks for, page by page; for nothing asked, what sells."""
    asked = ask(request.GET, visitor=cast(ShopRequest, request).visitor)
    return _answer(request, asked)


@csrf_exempt  # so that an oversized body is refused unread; the inner view checks the token
def search_by_image(request: HttpRequest) -> HttpResponse:
    """Lead to the page of products that look like the picture; its vector alone is kept, for an hour."""
    if is_too_large(request):
        return _explain(request, message=TOO_BIG, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    request.upload_handlers = [InMemory(request)]
    return _search_by_image(request)


@require_POST
@csrf_protect
def _search_by_image(request: HttpRequest) -> HttpResponse:
    try:
        search = picture_request(request, text=request.POST.get("q", ""))
    except UploadRefused as refusal:
        return _explain(request, message=str(refusal), status=refusal.status)
    if search is None:
        return _explain(request, message=WAKING_UP, status=HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        return HttpResponseRedirect(address(kept_pictures.keep(search)))
    except RedisAway:  # the page then has no address, but it has its products
        return _answer(request, Asked(request=search))


def is_too_large(request: HttpRequest) -> bool:
    """Return whether the body is too large to be read at all."""
    return request.method == "POST" and int(request.META.get("CONTENT_LENGTH") or 0) > MAX_REQUEST_BYTES


def picture_request(request: HttpRequest, *, text: str) -> SearchRequest | None:
    """Return the search for the picture that the form sent, with words beside it. Raises UploadRefused.

    None until the encoder is ready, for which it waits.
    """
    picture = _sent_picture(request)
    try:
        vector_D = vectors.of_picture(picture, wait_seconds=ENCODER_WAIT_SECONDS)
    except EncoderNotReady:
        return None
    return SearchRequest(text=clean_query(text), picture_D=vector_D)


def _sent_picture(request: HttpRequest) -> Image.Image:
    """Return the picture of the form's file or, where the shop's owner lets it, of its address."""
    for upload in request.FILES.getlist("image"):
        if upload.file is not None:
            return read_picture(upload.file, size=upload.size or 0)
    picture_url = request.POST.get("image_url", "").strip()
    if picture_url and fetching.is_on():
        content = fetching.fetch(picture_url)
        return read_picture(io.BytesIO(content), size=len(content))
    if picture_url:
        raise UploadRefused("This shop fetches no pictures by address. Save the picture and choose the file.")
    raise UploadRefused("Choose a picture to search with.")


def _explain(request: HttpRequest, *, message: str, status: HTTPStatus) -> HttpResponse:
    """Return the page that says why the picture was not searched by, with the form to send another."""
    asked = Asked(request=SearchRequest(), errors={"image": message})
    return _answer(request, asked, status=status)


def _answer(request: HttpRequest, asked: Asked, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    visitor = cast(ShopRequest, request).visitor
    start = PAGE_SIZE * (page_number(request.GET) - 1)
    found = finder.find(asked.request, visitor=visitor, start=start, number=PAGE_SIZE)
    context = _context(asked, found=found, parameters=request.GET)
    products = finder.load_products(list(context["page"].object_list), visitor=visitor)
    context |= {"products": products, "categories": _near(asked, found=found, products=products)}
    return render(request, "recommender/search.html", context, status=status)


def page_number(parameters: QueryDict) -> int:
    """Return the page that is asked for; 1 for what is no number of a page."""
    text = parameters.get("page", "")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _context(asked: Asked, *, found: SearchPage, parameters: QueryDict) -> dict[str, Any]:
    search = asked.request
    listing = Paginator(found.product_ids[:POPULAR_SHOWN] if asked.is_empty else found.product_ids, PAGE_SIZE)
    page = listing.get_page(parameters.get("page"))
    shown = search_page.choices(found)
    return {
        "asked": asked,
        "search": search,
        "found": found,
        "page": page,
        "page_range": listing.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "facets": shown,
        "hidden": search_page.hidden_pairs(search, shown=shown),
        "refining": search_page.refining_pairs(search),
        "removables": search_page.removables(asked, found=found),
        "unfiltered": search_page.without_filters(found),
        "corrected": address(search, text=found.understood.corrected),
        "literal": address(search, literal=True),
        "sorts": SORTS,
        "max_length": MAX_QUERY_LENGTH,
        "fetching": fetching.is_on(),
        "by_picture": asked.like is not None or search.picture_D is not None or "image" in asked.errors,
    }


def _near(asked: Asked, *, found: SearchPage, products: Sequence[Product]) -> list[Category]:
    """Return the categories of what comes closest, where nothing answers the whole query."""
    if asked.is_empty or found.num_matching:
        return []
    return search_page.categories_of(products)
