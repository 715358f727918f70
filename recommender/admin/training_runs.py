"""Training in the admin: start a run, watch it live, cancel it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from recommender import runs, tasks
from recommender.admin.metrics import metrics_table
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import TrainingRun
from shop.models import User

LIST = "admin:recommender_trainingrun_changelist"
PAGE = "admin:recommender_trainingrun_change"


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = [
        "__str__",
        "state",
        "percent",
        "stage",
        "version",
        "requested_by",
        "created_at",
        "finished_at",
    ]
    list_filter = ["state"]
    list_select_related = ["version", "requested_by"]
    fields = ["requested_by", "config", "version", "created_at", "started_at", "heartbeat_at", "finished_at"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "recommender_trainingrun"
        own = [
            path("train/", view(self.train_view), name=f"{name}_train"),
            path("<int:pk>/cancel/", view(self.cancel_view), name=f"{name}_cancel"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
        ]
        return own + super().get_urls()

    @admin.display(description="progress")
    def percent(self, run: TrainingRun) -> str:
        return f"{run.progress:.0%}"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"can_train": _may(request, "add")}
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        extra = _panel(request, run=run) if isinstance(run, TrainingRun) else {}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    @method_decorator(require_POST)
    def train_view(self, request: HttpRequest) -> HttpResponse:
        """Queue a run for a worker, and show it."""
        _require(request, "add")
        assert isinstance(request.user, User)
        try:
            run = runs.request_run(user=request.user)
            tasks.enqueue_training(run)
        except runs.RunInProgress as error:
            messages.warning(request, str(error))
            return HttpResponseRedirect(reverse(LIST))
        except tasks.QueueDown as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse(PAGE, args=[run.pk]))

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask the run to stop, and show it."""
        _require(request, "change")
        run = runs.cancel(get_object_or_404(TrainingRun, pk=pk))
        if run.state == runs.State.RUNNING:
            messages.info(request, "The run will stop after the present step.")
        return HttpResponseRedirect(reverse(PAGE, args=[run.pk]))

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the live part of the run's page."""
        _require(request, "view")
        run = get_object_or_404(TrainingRun, pk=pk)
        return render(request, "admin/recommender/trainingrun/_progress.html", _panel(request, run=run))


def _panel(request: HttpRequest, *, run: TrainingRun) -> dict[str, Any]:
    return {
        "run": run,
        "unfinished": run.state in TrainingRun.UNFINISHED,
        "percent": round(100 * run.progress),
        "no_worker": runs.waits_in_vain(run),
        "start_a_worker": runs.START_A_WORKER,
        "table": metrics_table(run.metrics),
        "can_cancel": _may(request, "change"),
    }


def _may(request: HttpRequest, action: str) -> bool:
    return request.user.has_perm(f"recommender.{action}_trainingrun")  # type: ignore[union-attr]


def _require(request: HttpRequest, action: str) -> None:
    if not _may(request, action):
        raise PermissionDenied(f"This needs the permission to {action} training runs.")
