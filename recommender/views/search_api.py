"""The search as JSON: what the page shows, for programs, and the suggestions of the search box."""

from http import HTTPStatus
from typing import Any, cast

from django.core.paginator import EmptyPage, Paginator
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommender.api import product_as_json
from recommender.redis_door import RedisAway
from recommender.search import finding, kept_pictures, suggestions
from recommender.search.asking import Asked, ask
from recommender.search.requests import SearchPage, SearchRequest
from recommender.search.requests_url import MAX_QUERY_LENGTH, address, clean_query
from recommender.uploads import TOO_BIG, InMemory, UploadRefused
from recommender.views.search import PAGE_SIZE, WAKING_UP, is_too_large, picture_request
from shop.money import money
from shop.visitors import ShopRequest, Visitor

SUGGESTED = 6


class Refused(APIException):
    """A picture that cannot be searched by, with the status that says why."""

    def __init__(self, refusal: UploadRefused) -> None:
        super().__init__({"image": [str(refusal)]})
        self.status_code = refusal.status


class NotReady(APIException):
    """The encoder is still loading."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = WAKING_UP


class PageQuery(serializers.Serializer):
    """Which page of the answer."""

    page = serializers.IntegerField(min_value=1, max_value=10_000, default=1)


class SearchView(APIView):
    """GET what the address of a search page asks for, by the same parameters; POST a picture to search by."""

    parser_classes = [MultiPartParser]

    def initial(self, request: Request, *arguments: Any, **options: Any) -> None:
        """Refuse what is too large before anything, the check of the token included, reads it."""
        whole = request._request  # noqa: SLF001 - the framework's own documents call it so
        if is_too_large(whole):
            raise Refused(UploadRefused(TOO_BIG, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        whole.upload_handlers = [InMemory(whole)]
        super().initial(request, *arguments, **options)

    def get(self, request: Request) -> Response:
        asked = _asked(request.query_params, visitor=_visitor(request))
        return Response(_page(asked.request, request=request))

    def post(self, request: Request) -> Response:
        """Answer a form with `image`, or `image_url` where the shop allows it, and `q` for words with it."""
        try:
            search = picture_request(request, text=request.POST.get("q", ""))
        except UploadRefused as refusal:
            raise Refused(refusal) from refusal
        if search is None:
            raise NotReady
        return Response(_page(search, request=request) | {"picture": _token(search)})


class SuggestionsView(APIView):
    """GET what the search box suggests for `q`, what is typed so far."""

    def get(self, request: Request) -> Response:
        text = clean_query(request.query_params.get("q", ""))
        found = suggestions.suggest(text, visitor=_visitor(request), limit=SUGGESTED)
        return Response(
            {
                "products": [
                    {
                        **product_as_json(product),
                        "price_label": money(product.price),
                        "picture": product.picture.src if product.picture else None,
                    }
                    for product in found.products
                ],
                "categories": [
                    {"name": category.name, "url": category.get_absolute_url()}
                    for category in found.categories
                ],
                "queries": [
                    {"text": query, "url": address(SearchRequest(text=query))} for query in found.queries
                ],
            }
        )


def _visitor(request: Request) -> Visitor:
    return cast(ShopRequest, request).visitor


def _asked(parameters: QueryDict, *, visitor: Visitor) -> Asked:
    asked = ask(parameters, visitor=visitor)
    errors = {name: [message] for name, message in asked.errors.items()}
    if asked.was_cut:
        errors["q"] = [f"Send at most {MAX_QUERY_LENGTH} characters."]
    if errors:
        raise serializers.ValidationError(errors)
    if asked.is_empty:
        raise serializers.ValidationError({"q": ["Say what to search for: q, like, picture or a filter."]})
    return asked


def _page(search: SearchRequest, *, request: Request) -> dict:
    wanted = PageQuery(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    number, visitor = wanted.validated_data["page"], _visitor(request)
    found = finding.find(search, visitor=visitor, start=PAGE_SIZE * (number - 1), number=PAGE_SIZE)
    listing = Paginator(found.product_ids, PAGE_SIZE)
    try:
        page = listing.page(number)
    except EmptyPage as error:
        raise serializers.ValidationError({"page": [f"There are {listing.num_pages} pages."]}) from error
    products = finding.load_products(list(page.object_list), visitor=visitor)
    return {
        "search_id": str(found.search_id) if found.search_id else None,
        "query": search.text,
        "corrected": found.understood.corrected or None,
        "chips": [{"label": chip.label, "without": chip.without} for chip in found.understood.chips],
        "num_matching": found.num_matching,
        "num_found": len(found.product_ids),
        "page": number,
        "num_pages": listing.num_pages,
        "products": [product_as_json(product) for product in products],
        "facets": _facets(found),
    }


def _facets(found: SearchPage) -> list[dict]:
    return [
        {
            "name": facet.name,
            "label": facet.label,
            "values": [
                {"value": value.value, "label": value.label, "count": value.count, "chosen": value.chosen}
                for value in facet.values
            ],
        }
        for facet in found.facets
    ]


def _token(search: SearchRequest) -> str | None:
    """Return the token to ask for the next pages with; None while nothing can be kept."""
    try:
        return kept_pictures.keep(search).picture_token
    except RedisAway:
        return None
