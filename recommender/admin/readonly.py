"""Rows that the admin shows and never writes."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and pages to read, for staff with the view permission."""

    show_full_result_count = False  # it counts the whole table on every filtered page
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False on this model's own pages: its rows go only with the product or user they are of."""
        page = request.resolver_match.url_name if request.resolver_match else None
        is_own = (page or "").startswith(f"{self.opts.app_label}_{self.opts.model_name}_")
        return bool(page) and not is_own and super().has_delete_permission(request, obj)
