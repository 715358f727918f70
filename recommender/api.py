"""The recommendation loop as JSON."""

from typing import cast

from django.http import Http404
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommender import caching
from recommender.models import Placement
from recommender.plans import PLANS
from recommender.recommendations import MAX_K, RecommendedList, recommend
from shop.models import Product
from shop.visitors import ShopRequest


class RecommendationQuery(serializers.Serializer):
    """What a caller may ask."""

    placement = serializers.ChoiceField(choices=Placement.choices, default=Placement.HOME_FOR_YOU.value)
    k = serializers.IntegerField(min_value=1, max_value=MAX_K, default=12)
    anchor = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)

    def validate(self, attrs: dict) -> dict:
        if PLANS[attrs["placement"]].needs_anchor and "anchor" not in attrs:
            raise serializers.ValidationError(
                {"anchor": "This placement needs the id of a product as its anchor."}
            )
        return attrs


class RecommendationsView(APIView):
    """GET a list for the caller: the visitor of the cookie, or of the session once logged in."""

    def get(self, request: Request) -> Response:
        visitor = cast(ShopRequest, request).visitor
        query = RecommendationQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        placement, k, anchor_id = asked["placement"], asked["k"], asked.get("anchor")
        anchor_ids = () if anchor_id is None else (anchor_id,)
        place = caching.look(placement, visitor=visitor, anchor_ids=anchor_ids, k=k, form=caching.BODY)
        recommended = recommend(placement, visitor=visitor, anchor=_anchor(anchor_id), k=k)
        answer = _as_json(recommended)
        if recommended.lasting:
            product_ids = [product.pk for product in recommended.products]
            caching.keep(
                place, JSONRenderer().render(answer).decode(), product_ids=(*anchor_ids, *product_ids)
            )
        return Response(answer)


def _anchor(product_id: int | None) -> Product | None:
    if product_id is None:
        return None
    product = Product.objects.listed().filter(pk=product_id).first()
    if product is None:
        raise Http404(f"There is no product {product_id}.")
    return product


def _as_json(recommended: RecommendedList) -> dict:
    return {
        "impression_id": str(recommended.impression_id),
        "placement": recommended.placement,
        "source": recommended.source,
        "version": recommended.version_id,
        "products": [product_as_json(product) for product in recommended.products],
    }


def product_as_json(product: Product) -> dict:
    """Return what the API says of a product; no query."""
    return {
        "id": product.pk,
        "sku": product.sku,
        "name": product.name,
        "brand": product.brand,
        "price": str(product.price),
        "url": product.get_absolute_url(),
    }
