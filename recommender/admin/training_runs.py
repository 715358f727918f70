"""Training in the admin: start a run, watch it live, cancel it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
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
        "created_at",
        "took",
    ]
    list_filter = ["state"]
    list_select_related = ["version"]

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

    @admin.display(description="took")
    def took(self, run: TrainingRun) -> str:
        return _took(run) or "-"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"can_train": _may(request, "add"), "title": "Training runs"}
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        extra: dict[str, Any] = {}
        if isinstance(run, TrainingRun):
            extra = {**_panel(request, run=run), "title": str(run), "subtitle": None}
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
        "took": _took(run),
        "no_worker": runs.waits_in_vain(run),
        "start_a_worker": runs.START_A_WORKER,
        "table": metrics_table(run.metrics),
        "can_cancel": _may(request, "change"),
    }


def _took(run: TrainingRun) -> str:
    """Return how long the run has been at work, such as `1 min 5 s`; empty before it starts."""
    if run.started_at is None:
        return ""
    minutes, seconds = divmod(
        round(((run.finished_at or timezone.now()) - run.started_at).total_seconds()), 60
    )
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _may(request: HttpRequest, action: str) -> bool:
    return request.user.has_perm(f"recommender.{action}_trainingrun")  # type: ignore[union-attr]


def _require(request: HttpRequest, action: str) -> None:
    if not _may(request, action):
        raise PermissionDenied(f"This needs the permission to {action} training runs.")
