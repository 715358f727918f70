"""The schemas that can be imported, and which of them a data set is in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recommender.importing import quickstart
from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.sources import Source, ending_of
from recommender.importing.tables import Batch, column_names

ENTITIES = ("items", "users", "interactions")


def _same(batch: Batch) -> Batch:
    return batch


@dataclass(frozen=True, kw_only=True)
class FileSchema:
    """One file of a schema: `<stem>.csv` and so on, the columns it must have, and its way to ours."""

    entity: str
    stem: str
    required: tuple[str, ...]
    adapt: Callable[[Batch], Batch] = _same

    def missing(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in self.required if name not in names]


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A named set of files."""

    name: str
    files: tuple[FileSchema, ...]


SHOP = Schema(
    name="shop",
    files=(
        FileSchema(entity="items", stem="items", required=("item_id", "name", "category", "price")),
        FileSchema(entity="users", stem="users", required=("user_id",)),
        FileSchema(
            entity="interactions",
            stem="interactions",
            required=("event_id", "user_id", "item_id", "kind", "occurred_at"),
        ),
    ),
)
QUICKSTART = Schema(
    name="quickstart",
    files=(
        FileSchema(
            entity="items",
            stem="recommendation_items",
            required=("item_id", "product_name", "category", "discounted_price"),
            adapt=quickstart.adapt_items,
        ),
        FileSchema(
            entity="users",
            stem="recommendation_users",
            required=("user_id", "user_name", "preferences"),
            adapt=quickstart.adapt_users,
        ),
        FileSchema(
            entity="interactions",
            stem="recommendation_interactions",
            required=("interaction_id", "user_id", "item_id", "timestamp", "interaction_type"),
            adapt=quickstart.adapt_interactions,
        ),
    ),
)
ONLINE_RETAIL = Schema(
    name="online-retail",
    files=(
        FileSchema(
            entity="lines",
            stem="online_retail",
            required=(
                *("InvoiceNo", "StockCode", "Description", "Quantity"),
                *("InvoiceDate", "UnitPrice", "CustomerID", "Country"),
            ),
        ),
    ),
)
SCHEMAS = (SHOP, QUICKSTART, ONLINE_RETAIL)
FORMATS = ("auto", *(schema.name for schema in SCHEMAS))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The schema of a data set and the file of each entity."""

    schema: Schema
    files: dict[str, tuple[FileSchema, Path]]


def detect(source: Source, *, wanted: str, limits: Limits) -> Found:
    """Return the schema that the files are in: by their names, else by their columns."""
    candidates = [schema for schema in SCHEMAS if wanted in ("auto", schema.name)]
    for schema in candidates:
        if files := _by_name(schema, source):
            _check_columns(schema, files, limits=limits)
            return Found(schema=schema, files=files)
    return _by_columns(candidates, source, limits=limits)


def _by_name(schema: Schema, source: Source) -> dict[str, tuple[FileSchema, Path]]:
    files: dict[str, tuple[FileSchema, Path]] = {}
    for file in schema.files:
        named = [path for path in source.files if path.name.lower() == file.stem + ending_of(path)]
        if len(named) > 1:
            raise ImportRefused(f"Both {named[0].name} and {named[1].name} are there; keep one of them.")
        if named:
            files[file.entity] = (file, named[0])
    return files


def _check_columns(schema: Schema, files: dict[str, tuple[FileSchema, Path]], *, limits: Limits) -> None:
    for file, path in files.values():
        if missing := file.missing(column_names(path, limits=limits)):
            raise ImportRefused(
                f"{path.name} lacks {', '.join(missing)}, needed for {schema.name}. {known_schemas()}"
            )


def _by_columns(candidates: list[Schema], source: Source, *, limits: Limits) -> Found:
    matches: dict[str, dict[str, tuple[FileSchema, Path]]] = {}
    for path in source.files:
        names = column_names(path, limits=limits)
        for schema in candidates:
            for file in schema.files:
                if file.missing(names):
                    continue
                taken = matches.setdefault(schema.name, {})
                if file.entity in taken:
                    raise ImportRefused(
                        f"Both {taken[file.entity][1].name} and {path.name} look like {file.entity}."
                    )
                taken[file.entity] = (file, path)
    fitting = [schema for schema in candidates if schema.name in matches]
    if not fitting:
        raise ImportRefused(_no_match(candidates, source.files[0], limits=limits))
    # Our users need one column only, which the quickstart has too: the schema that asks for most fits.
    best = max(
        fitting, key=lambda schema: sum(len(file.required) for file, _ in matches[schema.name].values())
    )
    return Found(schema=best, files=matches[best.name])


def _no_match(candidates: list[Schema], path: Path, *, limits: Limits) -> str:
    names = column_names(path, limits=limits)
    choices = [(schema, file) for schema in candidates for file in schema.files]
    schema, file = min(choices, key=lambda choice: len(choice[1].missing(names)) / len(choice[1].required))
    missing = ", ".join(file.missing(names))
    return (
        f"{path.name} fits no schema; for {schema.name} {file.entity} it lacks {missing}. {known_schemas()}"
    )


def known_schemas() -> str:
    """Return one sentence that lists every schema with its files."""
    listed = "; ".join(
        f"{schema.name} ({', '.join(file.stem for file in schema.files)})" for schema in SCHEMAS
    )
    return f"Known schemas: {listed}; see docs/data.md."
