"""What shoppers type, checked at the door."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.utils import timezone

from shop.countries import COUNTRIES
from shop.models import Category, Review, User
from shop.selectors.catalogue import SORTS, ListingFilter
from shop.services.carts import MAX_QUANTITY

ANY_COUNTRY = [("", "Prefer not to say"), *COUNTRIES]
OLDEST = 120


class LogInForm(AuthenticationForm):
    """Email and password; the email's case does not matter."""

    error_messages = {
        "invalid_login": "No account has this email and password. The case of the password matters.",
        "inactive": "This account is closed.",
    }


class SignUpForm(forms.Form):
    """A new account."""

    name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,
    )

    def clean(self) -> dict[str, Any]:
        """Check the password against the account it is for: it may not be like the email."""
        data = super().clean() or {}
        account = User(email=data.get("email", ""), name=data.get("name", ""))
        if "password" in data:
            try:
                validate_password(data["password"], account)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return data


class PreferencesForm(forms.Form):
    """What a shopper likes, and what decides which products may be sold to them."""

    categories = forms.ModelMultipleChoiceField(Category.objects.all(), required=False)
    region = forms.ChoiceField(
        choices=ANY_COUNTRY,
        required=False,
        label="Country",
        help_text="Some products are sold only in some countries.",
    )
    birth_date = forms.DateField(
        required=False,
        label="Date of birth",
        help_text="Some products are for adults. We show them only when we know your age.",
        widget=forms.DateInput(attrs={"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d"),
    )

    def clean_birth_date(self) -> Any:
        born = self.cleaned_data["birth_date"]
        today = timezone.localdate()
        if born and not today.year - OLDEST <= born.year <= today.year:
            raise forms.ValidationError("Enter the year in which you were born, or leave this empty.")
        if born and born > today:
            raise forms.ValidationError("Enter a date in the past, or leave this empty.")
        return born


class CartForm(forms.Form):
    """How many of a product."""

    quantity = forms.IntegerField(
        min_value=0,
        max_value=MAX_QUANTITY,
        error_messages={
            "required": "Enter how many you want.",
            "invalid": "Enter a whole number for the quantity.",
            "min_value": "The quantity cannot be below zero.",
            "max_value": f"One order can hold up to {MAX_QUANTITY} of a product.",
        },
    )


class CheckoutForm(forms.Form):
    """Where an order goes; the hidden fields make it safe to send twice and honest about prices."""

    name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    address = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"})
    )
    region = forms.ChoiceField(
        choices=[("", "Choose a country"), *COUNTRIES],
        label="Country",
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )
    number = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)


class ReviewForm(forms.ModelForm):
    """Stars and, when the shopper likes, words."""

    rating = forms.TypedChoiceField(
        choices=[(stars, f"{stars} star{'s' if stars > 1 else ''}") for stars in (5, 4, 3, 2, 1)],
        coerce=int,
        widget=forms.RadioSelect,
        label="Your rating",
        error_messages={"required": "Choose from one to five stars."},
    )

    class Meta:
        model = Review
        fields = ("rating", "title", "text")
        widgets = {"text": forms.Textarea(attrs={"rows": 4})}


class ListingForm(forms.Form):
    """How to narrow and sort a listing; a value that makes no sense is left out and said to be."""

    sort = forms.ChoiceField(choices=[(key, label) for key, (label, _) in SORTS.items()], required=False)
    min_price = forms.DecimalField(min_value=0, max_digits=10, decimal_places=2, required=False)
    max_price = forms.DecimalField(min_value=0, max_digits=10, decimal_places=2, required=False)
    in_stock = forms.BooleanField(required=False, label="In stock only")

    def chosen(self, *, brands: list[str]) -> ListingFilter:
        """Return the filter of the values that are sound."""
        self.is_valid()
        data = self.cleaned_data
        return ListingFilter(
            sort=data.get("sort") or "popular",
            min_price=data.get("min_price"),
            max_price=data.get("max_price"),
            in_stock=bool(data.get("in_stock")),
            brands=tuple(brand for brand in brands if "\x00" not in brand),
        )
