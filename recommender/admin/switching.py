"""What versions, encoders and rankers share in the admin: how each was judged, and a switch that asks."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ml.folders import ArtifactError
from recommender.admin.metrics import metrics_table
from recommender.admin.readonly import ReadOnlyAdmin

View = Callable[..., HttpResponse]


class SwitchableAdmin(ReadOnlyAdmin):
    """Rows with `status`, `metrics` and `config`, of which the shop uses one at a time."""

    refusal: type[Exception]  # what a switch raises, besides ArtifactError, to say why it cannot be
    exclude = ["metrics", "gate", "config"]

    def switch_path(self, route: str, view: View, *, name: str) -> URLPattern:
        """Return the path of a view, closed to all but staff who may change these rows."""

        @wraps(view)
        def permitted(request: HttpRequest, **arguments: Any) -> HttpResponse:
            if not self.can_switch(request):
                names = self.opts.verbose_name_plural
                raise PermissionDenied(f"Switching {names} needs the permission to change {names}.")
            return view(request, **arguments)

        return path(route, self.admin_site.admin_view(permitted), name=self._name_of(name))

    def can_switch(self, request: HttpRequest) -> bool:
        """Return whether the permission to change is given, although nobody edits a row by hand."""
        return request.user.has_perm(f"recommender.change_{self.opts.model_name}")  # type: ignore[union-attr]

    @admin.display(description="status", ordering="status")
    def short_status(self, row: Any) -> str:
        return row.status.capitalize()

    def facts_of(self, row: Any) -> dict[str, Any]:
        """Return what the page of a row says besides its fields."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row: Any = self.get_object(request, object_id)
        extra: dict[str, Any] = {"can_switch": self.can_switch(request)}
        if row is not None:
            extra |= {
                "table": metrics_table(row.metrics),
                "config": row.config,
                "title": f"{str(self.opts.verbose_name).capitalize()} {row}",
                "subtitle": None,
                **self.facts_of(row),
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def confirmation(
        self, request: HttpRequest, *, target: Model | str, verb: str, **facts: Any
    ) -> HttpResponse:
        """Return the page that shows how the target was judged and asks whether to switch."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} {target}?",
            "verb": verb,
            "target": target,
            "table": None if isinstance(target, str) else metrics_table(getattr(target, "metrics", {})),
            "opts": self.opts,
            **facts,
        }
        return TemplateResponse(request, f"admin/recommender/{self.opts.model_name}/confirm.html", context)

    def switched(
        self, request: HttpRequest, *, switch: Callable[[], Any], said: Callable[[Any], str]
    ) -> HttpResponse:
        """Switch and say so, or say why not; either way back to the list."""
        try:
            row = switch()
        except (self.refusal, ArtifactError) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said(row))
        return HttpResponseRedirect(reverse(f"admin:{self._name_of('changelist')}"))

    def _name_of(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
