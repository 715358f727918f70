"""Writing a review."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from shop.forms import ReviewForm
from shop.selectors import catalogue
from shop.services.reviews import AlreadyReviewed, submit_review
from shop.visitors import ShopRequest


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: ShopRequest, pk: int) -> HttpResponse:
    product = catalogue.listed_product(pk)
    if product is None or not catalogue.is_shown_to(product, visitor=request.visitor):
        raise Http404("There is no such product.")
    form = ReviewForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "shop/review.html", {"product": product, "review_form": form})
    given = form.cleaned_data
    try:
        submit_review(
            request.visitor,
            product=product,
            rating=given["rating"],
            title=given["title"],
            text=given["text"],
        )
        messages.success(request, "Thank you for your review.")
    except AlreadyReviewed as error:
        messages.warning(request, str(error))
    return redirect(product)
