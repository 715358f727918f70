import pytest
from django.test import Client
from django.urls import reverse

FORM = "application/x-www-form-urlencoded; charset=utf-16"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/cart/add/1/", "/sign-up/", "/search/image/"])
def test_a_form_in_an_encoding_that_no_browser_sends_is_a_bad_request(path):
    client = Client(enforce_csrf_checks=True)
    client.get(reverse("shop:login"))  # gives the cookie of the forms
    answer = client.post(path, b"a=1", content_type=FORM)
    assert answer.status_code == 400
    assert b"makes no sense to us" in answer.content
