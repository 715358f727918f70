"""One import from end to end: open, recognise, validate, write, all in one transaction."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from recommender import revisions
from recommender.importing import online_retail
from recommender.importing.accounts import AccountLoader
from recommender.importing.catalogue import CatalogueLoader
from recommender.importing.errors import ImportRefused
from recommender.importing.events import load_interactions
from recommender.importing.job import DEFAULT_STOCK, Job, Tally
from recommender.importing.limits import Limits
from recommender.importing.progress import bar
from recommender.importing.rejects import Rejects
from recommender.importing.schemas import ENTITIES, Found, detect
from recommender.importing.sources import open_source
from recommender.importing.summary import Summary
from recommender.importing.tables import Batch, read_batches

_THINGS = {"items": "products", "users": "users", "interactions": "interactions"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to import."""

    wanted: str = "auto"  # one of schemas.FORMATS
    dry_run: bool = False
    reject_path: Path | None = None
    stock: int = DEFAULT_STOCK  # of products whose file has none
    shown: bool = False  # progress bars
    limits: Limits = field(default_factory=Limits)


def import_dataset(location: str, *, options: Options) -> Summary:
    """Return what was written, or would be in a dry run; raises ImportRefused with nothing written.

    A dry run does everything inside the transaction and rolls it back, so that its report is the real one.
    """
    started = time.perf_counter()
    with (
        Rejects(options.reject_path) as rejects,
        open_source(location, limits=options.limits, shown=options.shown) as source,
    ):
        found = detect(source, wanted=options.wanted, limits=options.limits)
        job = Job(
            schema=found.schema.name,
            folder=source.folder,
            rejects=rejects,
            now=timezone.now(),
            limits=options.limits,
            shown=options.shown,
            stock=options.stock,
        )
        tallies = _load(found, job=job, dry_run=options.dry_run)
    return Summary(
        schema=found.schema.name,
        source=location,
        tallies=tallies,
        rejected=rejects.counts,
        notices=job.notices,
        reject_file=rejects.path if rejects.counts else None,
        seconds=time.perf_counter() - started,
        dry_run=options.dry_run,
    )


@transaction.atomic
def _load(found: Found, *, job: Job, dry_run: bool) -> dict[str, Tally]:
    batches = _open_batches(found, job=job)
    catalogue = CatalogueLoader(job)
    tallies: dict[str, Tally] = {}
    # Products first: users name categories, events name both.
    tallies |= catalogue.load(batches["items"])
    tallies |= AccountLoader(job).load(batches["users"])
    tallies |= load_interactions(batches["interactions"], job=job)
    _check_something_taken(found, tallies, job=job)
    revisions.bump(revisions.CATALOGUE)
    if dry_run:
        transaction.set_rollback(True)
    else:
        catalogue.pictures.store()
    return tallies


def _open_batches(found: Found, *, job: Job) -> dict[str, Iterable[Batch]]:
    """Return the batches of each entity, in our schema and not yet read."""
    if "lines" in found.files:
        _, path = found.files["lines"]
        read = online_retail.read(_shown(path, "lines", job=job), job=job)
        return {entity: _counted(batches, entity, job=job) for entity, batches in read.items()}
    batches: dict[str, Iterable[Batch]] = dict.fromkeys(ENTITIES, ())
    for entity, (file, path) in found.files.items():
        batches[entity] = map(file.adapt, _shown(path, entity, job=job))
    return batches


def _shown(path: Path, entity: str, *, job: Job) -> Iterator[Batch]:
    """Yield the file's batches while a bar shows how much of it is read."""
    size = path.stat().st_size
    rows = 0
    with bar(entity, shown=job.shown, total=size, unit="B") as progress:
        for batch in read_batches(path, limits=job.limits, rejects=job.rejects):
            yield batch
            rows += len(batch.lines)
            progress.set_postfix(rows=f"{rows:,}", refresh=False)
            progress.update(int(batch.fraction * size) - progress.n)


def _counted(batches: list[Batch], entity: str, *, job: Job) -> Iterator[Batch]:
    """Yield batches that are in memory while a bar counts their rows."""
    with bar(entity, shown=job.shown, total=sum(len(batch.lines) for batch in batches)) as progress:
        for batch in batches:
            yield batch
            progress.update(len(batch.lines))


def _check_something_taken(found: Found, tallies: dict[str, Tally], *, job: Job) -> None:
    """Raise ImportRefused for a file of which no row was good: it is not what it seems."""
    for entity, (_, path) in found.files.items():
        accepted = tallies[_THINGS.get(entity, "interactions")].accepted
        if accepted == 0 and job.rejects.total(path.name):
            (_, reason), _ = max(
                job.rejects.counts.items(), key=lambda entry: (entry[0][0] == path.name, entry[1])
            )
            raise ImportRefused(
                f"Every row of {path.name} was rejected, most often: {reason}. Nothing was written."
            )
    if not any(tally.accepted for tally in tallies.values()):
        raise ImportRefused("The files hold no rows. Nothing was written.")
