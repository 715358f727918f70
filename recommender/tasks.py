"""Doorways from the queue: each task fetches by id and calls one function."""

from celery import shared_task
from kombu.exceptions import OperationalError

from ml.ranking.rankers import KINDS
from recommender import co_purchases, content, impressions, ranker_training, runs, search_log, training
from recommender.models import TrainingRun
from shop.embedded import ServiceError


class QueueDown(Exception):
    """The message broker took no message; the text says how to start it."""


@shared_task
def train(run_id: int) -> None:
    """Carry out a requested run; a message delivered twice trains once."""
    training.execute(run_id)


@shared_task
def train_ranker(kind: str = ranker_training.ALL, *, activate: bool = True) -> None:
    """Train rankers of one kind, or of all, for the active version."""
    kinds = KINDS if kind == ranker_training.ALL else (kind,)
    ranker_training.train(kinds=kinds, activate=activate)


@shared_task
def fail_abandoned_runs() -> None:
    """Fail the runs whose process is gone."""
    runs.fail_abandoned_runs()


@shared_task
def embed_new_items() -> None:
    """Give products that are newer than the active version their place among the recommendations."""
    training.embed_new_items()


@shared_task
def update_content_embeddings() -> None:
    """Bring the text and image vectors up to date with the catalogue."""
    content.keep_up()


@shared_task
def purge_impressions() -> None:
    """Delete the lists and the searches of longer ago than they are kept."""
    impressions.purge()
    search_log.purge()


@shared_task
def recompute_co_purchases() -> None:
    """Count anew which products are bought together."""
    co_purchases.recompute()


def enqueue_training(run: TrainingRun) -> None:
    """Hand the run to a worker; call it once the run is committed. Raises QueueDown, the run then failed."""
    try:
        train.apply_async([run.pk], retry=False)
    except (OperationalError, ServiceError, OSError) as error:
        cure = f"The queue cannot be reached ({error}); start Redis, or correct REDIS_URL, and train again."
        runs.finish(run, state=runs.State.FAILED, line=cure, error=cure)
        raise QueueDown(cure) from error
