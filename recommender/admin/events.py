"""What visitors did, what they were shown, and the lists made ahead for them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommender.admin.placements import LABELS, placements_report
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import Impression, Interaction, Recommendation
from shop.models import Product


class PlacementFilter(admin.SimpleListFilter):
    """Picks rows by the slot on the page; the slots are named, so that no query has to list them."""

    title = parameter_name = "placement"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*LABELS.items(), ("none", "Not from a list")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(placement="" if self.value() == "none" else self.value())


def ranking(product_ids: list[int], *, scores: list[float] | None = None) -> SafeString:
    """Return the products by name, best first, each with its score where there is one; one query."""
    products = Product.objects.in_bulk(product_ids)
    notes = [f" {score:.3f}" for score in scores] if scores else [""] * len(product_ids)
    lines = (
        (reverse("admin:shop_product_change", args=[pk]), products[pk].name, note)
        for pk, note in zip(product_ids, notes, strict=True)
        if pk in products
    )
    return format_html(
        '<ol class="ranking">{}</ol>', format_html_join("", '<li><a href="{}">{}</a>{}</li>', lines)
    )


@admin.register(Interaction)
class InteractionAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "kind", "product", "amount", "user", "visitor_id", "placement"]
    list_filter = ["kind", PlacementFilter, "occurred_at"]
    list_select_related = ["product", "user"]
    search_fields = ["product__sku", "product__name", "user__email", "=visitor_id"]
    ordering = ["-occurred_at"]
    exclude = ["value"]
    readonly_fields = ["amount"]

    @admin.display(description="value", ordering="value")
    def amount(self, interaction: Interaction) -> str:
        return "-" if interaction.value is None else f"{interaction.value:g}"


@admin.register(Impression)
class ImpressionAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "placement", "source", "version", "user", "anchor", "number_of_products"]
    list_filter = [PlacementFilter, "source", "version", "created_at"]
    list_select_related = ["version", "user", "anchor"]
    search_fields = ["=id", "user__email", "=visitor_id"]
    ordering = ["-created_at"]
    exclude = ["product_ids"]
    readonly_fields = ["products"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.placements_view)
        return [path("placements/", view, name="recommender_impression_placements"), *super().get_urls()]

    def placements_view(self, request: HttpRequest) -> HttpResponse:
        """Show what came of the lists, by placement and version."""
        return placements_report(request, model_admin=self)

    @admin.display(description="products")
    def products(self, impression: Impression) -> SafeString:
        return ranking(impression.product_ids)

    @admin.display(description="products")
    def number_of_products(self, impression: Impression) -> int:
        return len(impression.product_ids)


@admin.register(Recommendation)
class RecommendationAdmin(ReadOnlyAdmin):
    list_display = ["user", "version", "number_of_products", "created_at"]
    list_filter = ["version"]
    list_select_related = ["version", "user"]
    search_fields = ["user__email"]
    ordering = ["-version", "user"]
    exclude = ["product_ids", "scores"]
    readonly_fields = ["products"]

    @admin.display(description="products")
    def products(self, recommendation: Recommendation) -> SafeString:
        return ranking(recommendation.product_ids, scores=recommendation.scores)

    @admin.display(description="products")
    def number_of_products(self, recommendation: Recommendation) -> int:
        return len(recommendation.product_ids)
