"""Business rules in the admin: their form with its checks, their list, and a preview of what they do."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from recommender import previews, rules
from recommender.admin.rule_doubts import doubts
from recommender.admin.rule_words import sentence, state
from recommender.models import BusinessRule, Placement

Action = BusinessRule.Action
MOST_POSITION = MOST_STRENGTH = 100
TARGETS = ("product", "category", "brand", "attribute")


class BusinessRuleForm(forms.ModelForm):
    """A rule, checked so that it can do what it says."""

    class Meta:
        help_texts = {
            "category": "With all categories below it.",
            "placement": "Empty: everywhere. Recently viewed, new arrivals and buy again keep their order "
            "unless a rule names them; exclusions hold there too.",
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        self._check_targets(given)
        if given.get("action") == Action.PIN:
            self._check_pin(given)
        elif given.get("position") is not None:
            self.add_error("position", "Only a pin has a position; leave it empty.")
        start, end = given.get("starts_at"), given.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", "The end must be after the start.")
        strength = given.get("strength")
        if strength is not None and not 0 < strength <= MOST_STRENGTH:
            self.add_error("strength", f"The strength is above 0 and at most {MOST_STRENGTH}.")
        return given

    def _check_targets(self, given: dict[str, Any]) -> None:
        # A target that was given and is wrong has an error of its own.
        if not any(given.get(name) or name in self.errors for name in TARGETS):
            raise forms.ValidationError(
                "Name at least one target: a product, a category, a brand or an attribute."
            )
        attribute, value = given.get("attribute"), given.get("attribute_value")
        if attribute and not value and "attribute_value" not in self.errors:
            self.add_error("attribute_value", f"Give the value of {attribute} that you mean.")
        if value and not attribute and "attribute" not in self.errors:
            self.add_error("attribute", f"Give the attribute that is {value}, such as colour.")

    def _check_pin(self, given: dict[str, Any]) -> None:
        position = given.get("position")
        if position is None and "position" not in self.errors:
            self.add_error("position", f"A pin needs a position, from 1 to {MOST_POSITION}.")
        elif position is not None and not 1 <= position <= MOST_POSITION:
            self.add_error("position", f"A position is from 1 to {MOST_POSITION}, counted from 1.")
        if not given.get("product") and "product" not in self.errors:
            self.add_error("product", "A pin needs the one product that it pins.")
        for name in ("category", "brand", "attribute"):
            if given.get(name):
                self.add_error(name, "A pin is of one product alone; leave this empty.")


class PreviewForm(forms.Form):
    """For whom and where a rule is previewed; the page's template draws it."""

    preview_shopper = forms.CharField(label="Shopper", required=False, max_length=254)
    preview_placement = forms.ChoiceField(
        label="Placement",
        required=False,
        choices=Placement.choices,
        error_messages={"invalid_choice": "There is no placement %(value)s; choose one of the list."},
    )
    preview_anchor = forms.CharField(label="About product", required=False, max_length=64)


@admin.register(BusinessRule)
class BusinessRuleAdmin(admin.ModelAdmin):
    form = BusinessRuleForm
    list_display = ["summary", "now", "order", "active", "name"]
    list_editable = ["order", "active"]
    list_filter = ["action", "placement", "active"]
    list_select_related = ["product", "category"]
    search_fields = [
        "name",
        "brand",
        "product__name",
        "product__sku",
        "category__name",
        "attribute",
        "attribute_value",
    ]
    autocomplete_fields = ["product", "category"]
    save_on_top = False
    fieldsets = [
        (None, {"fields": ["name", "action", "position", "strength"]}),
        (
            "Which products",
            {
                "description": "Products that fit every target given.",
                "fields": ["product", "category", "brand", ("attribute", "attribute_value")],
            },
        ),
        ("Where and when", {"fields": ["placement", "starts_at", "ends_at", "order", "active"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        name = "recommender_businessrule_preview"
        own = [path("preview/", view, name=f"{name}_new"), path("<int:pk>/preview/", view, name=name)]
        return own + super().get_urls()

    @admin.display(description="what it does")
    def summary(self, rule: BusinessRule) -> str:
        return sentence(rule)

    @admin.display(description="now")
    def now(self, rule: BusinessRule) -> str:
        return state(rule, now=timezone.now())

    def save_model(self, request: HttpRequest, obj: BusinessRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        rules.changed()
        if isinstance(form, BusinessRuleForm):
            for doubt in doubts(obj, now=timezone.now()):
                messages.warning(request, doubt)

    def delete_model(self, request: HttpRequest, obj: BusinessRule) -> None:
        super().delete_model(request, obj)
        rules.changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[BusinessRule]) -> None:
        super().delete_queryset(request, queryset)
        rules.changed()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        name = "admin:recommender_businessrule_preview"
        known = object_id is not None and object_id.isdigit()
        extra = {
            "preview_url": reverse(name, args=[object_id]) if known else reverse(f"{name}_new"),
            "placements": Placement.choices,
            "can_preview": self._may_edit(request),
        }
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    @method_decorator(require_POST)
    def preview_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show a list without and with the rule as the form has it, saved or not."""
        if not self._may_edit(request):
            raise PermissionDenied("This needs the permission to edit business rules.")
        rule = get_object_or_404(BusinessRule, pk=pk) if pk is not None else None
        form = self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule)
        context = _preview(form, request=request)
        if request.headers.get("HX-Request"):
            return render(request, "admin/recommender/businessrule/_preview.html", context)
        page = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Preview of a rule"}
        return render(request, "admin/recommender/businessrule/preview.html", {**page, **context})

    def _may_edit(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) or self.has_add_permission(request)


def _preview(form: forms.ModelForm, *, request: HttpRequest) -> dict[str, Any]:
    """Return what the preview's template shows: the two lists, or why there are none."""
    asked = PreviewForm(request.POST)
    errors = [*_texts(form, without="name"), *_texts(asked)]  # a draft has no name yet
    if errors:
        return {"errors": errors}
    rule, now = form.instance, timezone.now()
    placement = asked.cleaned_data["preview_placement"] or rule.placement or Placement.HOME_FOR_YOU
    try:
        comparison = previews.compare(
            rule,
            placement=placement,
            visitor=previews.shopper_of(asked.cleaned_data["preview_shopper"]),
            anchor=previews.anchor_of(asked.cleaned_data["preview_anchor"]),
            now=now,
        )
    except previews.PreviewError as error:
        return {"errors": [str(error)]}
    return {
        "sentence": sentence(rule),
        "place": Placement(placement).label,
        "comparison": comparison,
        "notes": previews.notes(rule, comparison, placement=placement, now=now),
    }


def _texts(form: forms.BaseForm, *, without: str = "") -> list[str]:
    """Return the form's errors, each after the label of its field."""
    labels = {name: f"{form[name].label}: " for name in form.fields}
    return [
        f"{labels.get(name, '')}{text}"
        for name, texts in form.errors.items()
        if name != without
        for text in texts
    ]
