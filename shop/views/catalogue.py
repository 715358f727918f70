"""Home, category and product pages."""

import uuid

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from shop.forms import CartForm, ListingForm, ReviewForm
from shop.models import Category, Product
from shop.selectors import catalogue
from shop.signals import product_clicked, product_viewed
from shop.views.provenance import Provenance, read_provenance
from shop.visitors import ShopRequest

PAGE_SIZE = 24
SHELF_SIZE = 6


@require_safe
def home(request: ShopRequest) -> HttpResponse:
    context = {
        "tiles": catalogue.pictured_departments(),
        "well_rated": catalogue.well_rated(request.visitor, limit=SHELF_SIZE),
    }
    return render(request, "shop/home.html", context)


@require_safe
def category(request: ShopRequest, path: str) -> HttpResponse:
    here = get_object_or_404(Category, path=path)
    form = ListingForm(request.GET)
    chosen = form.chosen(brands=request.GET.getlist("brand"))
    products = catalogue.narrowed(catalogue.shown_to(request.visitor).in_category(here), chosen=chosen)
    listing = Paginator(catalogue.arranged(products, chosen=chosen), PAGE_SIZE)
    page = listing.get_page(request.GET.get("page"))
    context = {
        "category": here,
        "breadcrumb": catalogue.ancestors(here),
        "subcategories": catalogue.subcategories(here),
        "form": form,
        "chosen": chosen,
        "sorts": catalogue.SORTS,
        "brands": catalogue.brand_facets(products, selected=chosen.brands),
        "page": page,
        "page_range": listing.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
    }
    return render(request, "shop/category.html", context)


@require_safe
def product(request: ShopRequest, pk: int) -> HttpResponse:
    found = catalogue.listed_product(pk)
    if found is None:
        raise Http404("There is no such product.")
    if not catalogue.is_shown_to(found, visitor=request.visitor):
        return render(request, "shop/unavailable.html", {"product": found}, status=404)
    origin = read_provenance(request.GET)
    _tell(request, found, origin=origin)
    context = {
        "product": found,
        "breadcrumb": catalogue.ancestors(found.category),
        "reviews": catalogue.reviews(found),
        "has_reviewed": catalogue.has_reviewed(found, visitor=request.visitor),
        "review_form": ReviewForm(),
        "cart_form": CartForm(),
        "origin": origin,
    }
    return render(request, "shop/product.html", context)


def _tell(request: ShopRequest, product: Product, *, origin: Provenance) -> None:
    """Tell the listeners of the view, and of the click that led to it; their trouble is not the page's."""
    facts = {
        "visitor": request.visitor,
        "product": product,
        "placement": origin.placement,
        "impression_id": origin.impression_id,
    }
    if origin.impression_id:
        # The same for the page loaded again: a list is followed to a product once.
        followed = uuid.uuid5(origin.impression_id, f"{request.visitor.id}/{product.pk}")
        product_clicked.send_robust(Product, event_id=followed, **facts)
    product_viewed.send_robust(Product, event_id=uuid.uuid4(), **facts)
