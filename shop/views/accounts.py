"""Sign-up, log-in, log-out and preferences."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login, views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from shop.forms import LogInForm, PreferencesForm, SignUpForm
from shop.models import Category, Profile, User
from shop.selectors import catalogue
from shop.services import accounts
from shop.visitors import ShopRequest, forget_browser


class LogIn(views.LoginView):
    """Log in by email; what the guest gathered joins the account."""

    template_name = "shop/login.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True


class LogOut(views.LogoutView):
    """Log out, and give the browser a new id."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        forget_browser(request)
        return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: ShopRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("shop:home")
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = accounts.sign_up(**form.cleaned_data)
        except accounts.EmailTaken as error:
            form.add_error("email", str(error))
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, "Welcome. Tell us what you like, or skip this.")
            return redirect(f"{reverse('shop:preferences')}?{urlencode({'next': _next(request)})}")
    return render(request, "shop/signup.html", {"form": form, "next": _next(request)})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: ShopRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    if "skip" in request.POST:
        accounts.skip_preferences(request.user)
        return redirect(_next(request))
    form = PreferencesForm(request.POST if request.method == "POST" else None, initial=_known(request.user))
    if form.is_valid():
        accounts.save_preferences(request.user, **form.cleaned_data)
        messages.success(request, "Saved. The shop now shows more of what you like.")
        return redirect(_next(request))
    choices = catalogue.preference_choices(request.visitor)
    context = {
        "form": form,
        "choices": choices,
        "picked": _picked(request, choices=choices),
        "next": _next(request),
    }
    return render(request, "shop/preferences.html", context)


def _known(user: User) -> dict[str, Any]:
    profile = Profile.objects.filter(user=user).first()
    return {"region": profile.region, "birth_date": profile.birth_date} if profile else {}


def _picked(request: ShopRequest, *, choices: list[Category]) -> set[int]:
    """Return the ids to show as ticked: those just sent, else those saved."""
    if request.method == "POST":
        sent = set(request.POST.getlist("categories"))
        return {category.pk for category in choices if str(category.pk) in sent}
    return set(request.visitor.preference_ids)


def _next(request: ShopRequest) -> str:
    """Return where to go on; what is no path of this site counts as none."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else resolve_url("shop:home")
