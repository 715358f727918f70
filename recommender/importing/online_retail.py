"""The UCI Online Retail file (Chen, 2012): invoice lines turned into products, customers and purchases."""

# M = lines of a batch

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.importing.checks import Checks
from recommender.importing.columns import as_mask, as_moments, as_numbers, as_text, is_missing
from recommender.importing.job import Job
from recommender.importing.retail_words import REGION_OF_COUNTRY, category_of, product_name
from recommender.importing.tables import Batch

PRODUCT_CODE = r"^(\d{5}[A-Z]{0,2}|DCGS\w+)$"  # all others are postage, fees, vouchers, manual corrections
STOCK_NOTE = (
    r"(?i)\?|\bcheck\b|damage|adjust|thrown|wrongly|sold as|\bfound\b|\btest\b|\bamazon\b|\bdotcom\b|missing"
)
MAX_LINE_QUANTITY = 1_000_000

Key = tuple[str, str, str]  # invoice, stock code, customer


@dataclass(kw_only=True)
class _Purchase:
    """One product on one invoice, its lines summed."""

    line: int
    moment: int  # microseconds since 1970
    quantity: int = 0


@dataclass(kw_only=True)
class _Book:
    """What the lines add up to."""

    purchases: dict[Key, _Purchase] = field(default_factory=dict)
    cancellations: list[tuple[int, str, str, int]] = field(
        default_factory=list
    )  # moment, code, customer, quantity
    names: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    prices: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    first_sale: dict[str, int] = field(default_factory=dict)
    countries: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    first_visit: dict[str, int] = field(default_factory=dict)


def read(batches: Iterable[Batch], *, job: Job) -> dict[str, list[Batch]]:
    """Return items, users and interactions in our schema; other lines go to the reject file."""
    book = _Book()
    file = "online_retail"
    for batch in batches:
        file = batch.file
        table, is_sale, checks = _check(batch, job=job)
        checks.send(job.rejects)
        _note_cancellations(book, table)
        _note_products(book, table.filter(pa.array(is_sale)))
        _note_purchases(book, table.filter(pa.array(checks.accepted)))
    _drop_cancelled(book, file=file, job=job)
    return {
        "items": [_items(book, file)],
        "users": [_users(book, file)],
        "interactions": _events(book, file, job=job),
    }


def _check(batch: Batch, *, job: Job) -> tuple[pa.Table, np.ndarray, Checks]:
    """Return the lines' columns, (M,) bool of sales (with a customer or not) and the verdicts."""
    checks = Checks(batch)
    texts = {
        name: as_text(batch.column(name)) for name in ("InvoiceNo", "StockCode", "Description", "Country")
    }
    customers = pc.replace_substring_regex(as_text(batch.column("CustomerID")), r"\.0$", "")
    codes = pc.utf8_upper(texts["StockCode"])
    quantities, are_numbers = as_numbers(batch.column("Quantity"))
    prices, are_prices = as_numbers(batch.column("UnitPrice"))
    moments, are_moments = as_moments(batch.column("InvoiceDate"))
    for name, max_length in (("InvoiceNo", 20), ("StockCode", 20), ("Description", 255), ("Country", 100)):
        checks.flag_text(
            texts[name], name, max_length=max_length, required=name in ("InvoiceNo", "StockCode")
        )
    checks.flag_text(customers, "CustomerID", max_length=20)
    checks.flag(
        ~are_numbers | np.isnan(quantities) | (quantities != np.round(quantities)),
        "Quantity is not a whole number",
    )
    checks.flag(np.abs(quantities) > MAX_LINE_QUANTITY, f"Quantity is above {MAX_LINE_QUANTITY}")
    checks.flag(~are_prices | np.isnan(prices), "UnitPrice is not a number")
    checks.flag(~are_moments, "InvoiceDate is not a date")
    checks.flag(moments > job.now.timestamp() * 1e6, "InvoiceDate is in the future")
    well_formed = checks.accepted
    _check_sales(checks, texts, codes=codes, quantities=quantities, prices=prices)
    is_sale = checks.accepted
    checks.flag(is_missing(customers), "no customer: informs the product, but is nobody's purchase")
    columns = {
        "invoice": texts["InvoiceNo"],
        "code": codes,
        "description": texts["Description"],
        "country": texts["Country"],
        "customer": customers,
        "quantity": pa.array(np.where(well_formed, quantities, 0).astype(np.int64)),
        "price": pa.array(prices),
        "moment": pa.array(moments),
        "line": pa.array(batch.lines),
        "well_formed": pa.array(well_formed),
    }
    return pa.table(columns), is_sale, checks


def _check_sales(
    checks: Checks, texts: dict[str, pa.Array], *, codes: pa.Array, quantities: np.ndarray, prices: np.ndarray
) -> None:
    descriptions = texts["Description"]
    no_product = ~as_mask(pc.match_substring_regex(codes, PRODUCT_CODE))
    checks.flag(no_product, "not a product: postage, fee, voucher, sample or manual correction")
    checks.flag(as_mask(pc.starts_with(texts["InvoiceNo"], "C")), "cancellation")
    is_note = as_mask(pc.match_substring_regex(descriptions, STOCK_NOTE))
    checks.flag((quantities <= 0) | (is_note & (prices <= 0)), "return or stock correction")
    checks.flag(prices <= 0, "price is zero or negative")
    checks.flag(is_missing(descriptions) | is_note, "description is missing or a note on stock")


def _note_cancellations(book: _Book, table: pa.Table) -> None:
    mask = pc.and_(table["well_formed"], pc.starts_with(table["invoice"], "C"))
    rows = table.filter(pc.and_(mask, pc.is_valid(table["customer"])))
    columns = (rows[name].to_pylist() for name in ("moment", "code", "customer", "quantity"))
    book.cancellations.extend(zip(*columns, strict=True))


def _note_products(book: _Book, table: pa.Table) -> None:
    columns = (table[name].to_pylist() for name in ("code", "description", "price", "moment"))
    for code, description, price, moment in zip(*columns, strict=True):
        book.names[code][" ".join(description.split())] += 1
        book.prices[code].append(price)
        book.first_sale[code] = min(moment, book.first_sale.get(code, moment))


def _note_purchases(book: _Book, table: pa.Table) -> None:
    names = ("invoice", "code", "customer", "country", "quantity", "moment", "line")
    for invoice, code, customer, country, quantity, moment, line in zip(
        *(table[name].to_pylist() for name in names), strict=True
    ):
        key = (invoice, code, customer)
        purchase = book.purchases.setdefault(key, _Purchase(line=line, moment=moment))
        purchase.quantity += quantity
        book.countries[customer][country or ""] += 1
        book.first_visit[customer] = min(moment, book.first_visit.get(customer, moment))


def _drop_cancelled(book: _Book, *, file: str, job: Job) -> None:
    """Drop each purchase that a later cancellation by the same customer takes back to the last piece.

    A cancellation names no invoice, so it is matched to the latest purchase before it of the same product and
    quantity. A partial return leaves the purchase: the customer kept the rest.
    """
    open_purchases: defaultdict[tuple[str, str, int], list[Key]] = defaultdict(list)
    for key, purchase in sorted(book.purchases.items(), key=lambda entry: entry[1].moment):
        open_purchases[(key[1], key[2], purchase.quantity)].append(key)
    for moment, code, customer, quantity in sorted(book.cancellations):
        keys = open_purchases[(code, customer, -quantity)]
        earlier = [key for key in keys if book.purchases[key].moment <= moment]
        if not earlier:
            continue
        keys.remove(earlier[-1])
        dropped = book.purchases.pop(earlier[-1])
        job.rejects.add(
            file,
            line=dropped.line,
            reason="purchase cancelled in full later",
            row=dict(zip(("InvoiceNo", "StockCode", "CustomerID"), earlier[-1], strict=True)),
        )


def _items(book: _Book, file: str) -> Batch:
    rows = []
    for code, names in sorted(book.names.items()):
        name = min(names, key=lambda found: (-names[found], found))
        prices = sorted(book.prices[code])
        rows.append(
            {
                "item_id": code,
                "name": product_name(name),
                "category": category_of(name),
                "price": max(round(prices[len(prices) // 2], 2), 0.01),
                "released_at": book.first_sale[code],
            }
        )
    return _batch(rows, file, moment="released_at")


def _users(book: _Book, file: str) -> Batch:
    rows = []
    for customer, countries in sorted(book.countries.items()):
        country = min(countries, key=lambda found: (-countries[found], found))
        rows.append(
            {
                "user_id": external_id(customer),
                "name": f"Customer {customer}",
                "region": REGION_OF_COUNTRY.get(country, ""),
                "signup_at": book.first_visit[customer],
            }
        )
    return _batch(rows, file, moment="signup_at")


def _events(book: _Book, file: str, *, job: Job) -> list[Batch]:
    """Return purchases in batches, in the order of time; one event for a product on an invoice."""
    ordered = sorted(book.purchases.items(), key=lambda entry: (entry[1].moment, entry[1].line))
    batches = []
    for start in range(0, len(ordered), job.limits.batch_rows):
        part = ordered[start : start + job.limits.batch_rows]
        table = pa.table(
            {
                "event_id": pa.array(["/".join(key) for key, _ in part], pa.string()),
                "user_id": pa.array([external_id(key[2]) for key, _ in part], pa.string()),
                "item_id": pa.array([key[1] for key, _ in part], pa.string()),
                "kind": pa.array(["purchase"] * len(part), pa.string()),
                "value": pa.array([purchase.quantity for _, purchase in part], pa.int64()),
                "occurred_at": pa.array(
                    [purchase.moment for _, purchase in part], pa.timestamp("us", tz="UTC")
                ),
            }
        )
        lines = np.array([purchase.line for _, purchase in part], np.int64)
        batches.append(
            Batch(file=file, lines=lines, table=table, fraction=(start + len(part)) / len(ordered))
        )
    return batches


def external_id(customer: str) -> str:
    return f"retail-{customer}"


def _batch(rows: list[dict[str, Any]], file: str, *, moment: str) -> Batch:
    if not rows:
        return Batch(file=file, lines=np.array([], np.int64), table=pa.table({}))
    table = pa.Table.from_pylist(rows)
    place = table.column_names.index(moment)
    table = table.set_column(place, moment, table[moment].cast(pa.timestamp("us", tz="UTC")))
    return Batch(file=file, lines=np.arange(len(rows)), table=table)
