"""Encoders in the admin: how well they tell products apart, and the switch between them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from recommender import encoder_versions, encoders
from recommender.admin.metrics import metrics_table
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import EncoderVersion

LIST = "admin:recommender_encoderversion_changelist"
SETTINGS = "the encoder of the settings"


@admin.register(EncoderVersion)
class EncoderVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "short_status", "words_to_picture", "picture_to_picture", "created_at"]
    list_filter = ["status"]
    exclude = ["metrics", "gate", "config"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "roll-back/", self._guarded(self.roll_back_view), name="recommender_encoderversion_roll_back"
            ),
            path(
                "<int:pk>/prepare/",
                self._guarded(self.prepare_view),
                name="recommender_encoderversion_prepare",
            ),
        ]
        return own + super().get_urls()

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(view)

    @admin.display(description="status", ordering="status")
    def short_status(self, version: EncoderVersion) -> str:
        return version.status.capitalize()

    @admin.display(description="text to picture, recall@10")
    def words_to_picture(self, version: EncoderVersion) -> str:
        return _of_new(version, metric="text_to_image_recall@10")

    @admin.display(description="worn copy to picture, recall@1")
    def picture_to_picture(self, version: EncoderVersion) -> str:
        return _of_new(version, metric="image_to_image_recall@1")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {
            "can_switch": _can_switch(request) and encoders.active_version() is not None,
            "previous": encoder_versions.previously_active() or SETTINGS,
            "title": "Encoders of texts and pictures",
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        extra: dict[str, Any] = {"can_switch": _can_switch(request)}
        if isinstance(version, EncoderVersion):
            extra |= {
                "table": metrics_table(version.metrics),
                "caption": _caption(version),
                "gate": version.gate,
                "config": version.config,
                "missing": encoder_versions.num_missing(version),
                "title": f"Encoder {version}",
                "subtitle": None,
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def prepare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET; on POST let it serve as soon as every product is encoded with it."""
        _require_switch(request)
        version = get_object_or_404(EncoderVersion, pk=pk)
        if request.method != "POST":
            return self._confirmation(request, target=version, verb="Activate")
        return _switched(
            request,
            switch=lambda: encoder_versions.prepare(version),
            said=f"{version} is being prepared: it serves as soon as every product is encoded with it.",
        )

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Ask on GET, switch to the encoder that served before on POST."""
        _require_switch(request)
        target = encoder_versions.previously_active() or SETTINGS
        if request.method != "POST":
            return self._confirmation(request, target=target, verb="Roll back to")
        return _switched(request, switch=encoder_versions.roll_back, said=f"In use now: {target}.")

    def _confirmation(self, request: HttpRequest, *, target: EncoderVersion | str, verb: str) -> HttpResponse:
        version = target if isinstance(target, EncoderVersion) else None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} {target}?",
            "verb": verb,
            "target": target,
            "active": encoders.active_version() or SETTINGS,
            "missing": encoder_versions.num_missing(version) if version else 0,
            "table": metrics_table(version.metrics) if version else None,
            "caption": _caption(version) if version else "",
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/recommender/encoderversion/confirm.html", context)


def _of_new(version: EncoderVersion, *, metric: str) -> str:
    value = version.metrics.get("rows", {}).get("new", {}).get(metric)
    return "-" if value is None else f"{value:.1%}"


def _caption(version: EncoderVersion) -> str:
    return (
        f"Recall on {version.metrics.get('held_out', 'no')} products that it never saw; a worn picture is"
        " cropped, turned, compressed or darkened"
    )


def _can_switch(request: HttpRequest) -> bool:
    return request.user.has_perm("recommender.change_encoderversion")  # type: ignore[union-attr]


def _require_switch(request: HttpRequest) -> None:
    if not _can_switch(request):
        raise PermissionDenied("Switching encoders needs the permission to change encoder versions.")


def _switched(request: HttpRequest, *, switch: Callable[[], object], said: str) -> HttpResponse:
    try:
        switch()
    except (encoder_versions.CannotActivateEncoder, encoder_versions.ArtifactError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(reverse(LIST))
