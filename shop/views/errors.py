"""The page for a request that makes no sense."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template import loader


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the plain page with status 400.

    Django's own view checks the form's token, and so reads once more the very form that could not be read:
    one in an unknown encoding would then end as a 500 without a page.
    """
    return HttpResponseBadRequest(loader.get_template("400.html").render())
