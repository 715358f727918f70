"""Encoders in the admin: how well they tell products apart, and the switch between them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern

from recommender import encoder_versions, encoders
from recommender.admin.switching import SwitchableAdmin
from recommender.models import EncoderVersion

SETTINGS = "the encoder of the settings"


@admin.register(EncoderVersion)
class EncoderVersionAdmin(SwitchableAdmin):
    list_display = ["__str__", "short_status", "words_to_picture", "picture_to_picture", "created_at"]
    list_filter = ["status"]
    refusal = encoder_versions.CannotActivateEncoder

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.switch_path("roll-back/", self.roll_back_view, name="roll_back"),
            self.switch_path("<int:pk>/prepare/", self.prepare_view, name="prepare"),
        ]
        return own + super().get_urls()

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
            "can_switch": self.can_switch(request) and encoders.active_version() is not None,
            "previous": encoder_versions.previously_active() or SETTINGS,
            "title": "Encoders of texts and pictures",
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def facts_of(self, row: EncoderVersion) -> dict[str, Any]:
        return {
            "caption": _caption(row),
            "gate": row.gate,
            "missing": encoder_versions.num_missing(row),
            "title": f"Encoder {row}",
        }

    def prepare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET; on POST let it serve as soon as every product is encoded with it."""
        version = get_object_or_404(EncoderVersion, pk=pk)
        if request.method != "POST":
            return self._confirmation(request, target=version, verb="Activate")
        return self.switched(
            request,
            switch=lambda: encoder_versions.prepare(version),
            said=lambda _: (
                f"{version} is being prepared: it serves as soon as every product is encoded with it."
            ),
        )

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Ask on GET, switch to the encoder that served before on POST."""
        target = encoder_versions.previously_active() or SETTINGS
        if request.method != "POST":
            return self._confirmation(request, target=target, verb="Roll back to")
        return self.switched(
            request, switch=encoder_versions.roll_back, said=lambda _: f"In use now: {target}."
        )

    def _confirmation(self, request: HttpRequest, *, target: EncoderVersion | str, verb: str) -> HttpResponse:
        version = target if isinstance(target, EncoderVersion) else None
        return self.confirmation(
            request,
            target=target,
            verb=verb,
            active=encoders.active_version() or SETTINGS,
            missing=encoder_versions.num_missing(version) if version else 0,
            caption=_caption(version) if version else "",
        )


def _of_new(version: EncoderVersion, *, metric: str) -> str:
    value = version.metrics.get("rows", {}).get("new", {}).get(metric)
    return "-" if value is None else f"{value:.1%}"


def _caption(version: EncoderVersion) -> str:
    return (
        f"Recall on {version.metrics.get('held_out', 'no')} products that it never saw; a worn picture is"
        " cropped, turned, compressed or darkened"
    )
