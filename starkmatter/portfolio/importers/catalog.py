"""Every importer there is, and reading a file with the one that recognizes it: within limits, and it can be stopped."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.portfolio.importers.alpaca import AlpacaImporter
from starkmatter.portfolio.importers.bounds import MAX_ROWS, canceled, too_large, unreadable
from starkmatter.portfolio.importers.decoding import text_of
from starkmatter.portfolio.importers.degiro import DegiroImporter
from starkmatter.portfolio.importers.etrade import EtradeImporter
from starkmatter.portfolio.importers.fidelity import FIDELITY
from starkmatter.portfolio.importers.flex import FlexImporter
from starkmatter.portfolio.importers.generic import GenericImporter
from starkmatter.portfolio.importers.ghostfolio import GhostfolioImporter
from starkmatter.portfolio.importers.mapping import ColumnMapping
from starkmatter.portfolio.importers.ofx import OfxImporter
from starkmatter.portfolio.importers.portfolio_performance import PortfolioPerformanceImporter
from starkmatter.portfolio.importers.ports import Importer, Source
from starkmatter.portfolio.importers.records import Progress, Reading, Record, Remark, Total
from starkmatter.portfolio.importers.robinhood import ROBINHOOD
from starkmatter.portfolio.importers.schwab import SCHWAB
from starkmatter.portfolio.importers.trading212 import TRADING212

GENERIC = GenericImporter()
# The first that recognizes a file reads it, so that any table comes last.
IMPORTERS: tuple[Importer, ...] = (
    AlpacaImporter(), FlexImporter(), SCHWAB, EtradeImporter(), FIDELITY, ROBINHOOD, TRADING212, DegiroImporter(),
    GhostfolioImporter(), PortfolioPerformanceImporter(), OfxImporter(), GENERIC,
)  # fmt: skip
PROGRESS_EVERY = 1_000
KIND_OF_TOTAL = {"dividends": "dividend", "interest": "interest", "taxes": "tax"}


def recognize(source: Source) -> Importer | None:
    """The importer whose format the file shows, None when no one knows it."""
    return next((one for one in IMPORTERS if one.recognizes(source)), None)


def read_file(
    content: bytes,
    *,
    format_name: str | None = None,
    mapping: ColumnMapping | None = None,
    progress: Progress | None = None,
    is_canceled: Callable[[], bool] | None = None,
) -> Reading:
    """Everything the file says, as data; nothing is booked.

    With a `mapping` it is read as a table by it, with a `format_name` as that format, else as what it shows to be.
    `progress` is told the items read (and None, the whole is not known) each thousand, `is_canceled` asked as often.
    Raises InvalidInput for a file that is too large, hostile or of no known format, and when it was canceled. A line
    that cannot be read is a remark of the reading, not an error. Takes a second or two of CPU for a full file: not for
    an event loop.
    """
    source = Source(text_of(content))
    importer: Importer | None
    if mapping:
        importer = GenericImporter(mapping)
    else:
        importer = named_importer(format_name) if format_name else recognize(source)
    if importer is None:
        raise unreadable("The file is of no format that is known here. Read it as a CSV file by mapping its columns.")
    records: list[Record] = []
    remarks: list[Remark] = []
    totals: list[Total] = []
    for count, item in enumerate(importer.read(source), start=1):
        if isinstance(item, Record):
            records.append(item)
            if len(records) > MAX_ROWS:
                raise too_large(f"The file has more than {MAX_ROWS:,} records. Export a shorter period.")
        elif isinstance(item, Remark):
            remarks.append(item)
        else:
            totals.append(item)
        if count % PROGRESS_EVERY == 0:
            if is_canceled and is_canceled():
                raise canceled()
            if progress:
                progress(count, None)
    if progress:
        progress(len(records) + len(remarks) + len(totals), len(records) + len(remarks) + len(totals))
    fingerprints, repeats = fingerprints_of(importer.name, records)
    off = tuple(totals_off(records, totals))
    return Reading(importer.name, tuple(records), fingerprints, repeats, tuple(remarks), tuple(totals), off)


def named_importer(name: str) -> Importer:
    """The importer of that name; InvalidInput when there is none."""
    found = next((one for one in IMPORTERS if one.name == name), None)
    if found is None:
        raise unreadable(f"The format must be one of: {', '.join(one.name for one in IMPORTERS)}.")
    return found


def fingerprints_of(name: str, records: Sequence[Record]) -> tuple[tuple[str, ...], frozenset[int]]:
    """What tells each record again in another file of the same format, and the places of those that repeat another.

    Two records with one number and the same content have one fingerprint. Without a number the second of two equal
    lines has another than the first, since two equal trades do happen: a file that has both again has both known.
    """
    seen: Counter[str] = Counter()
    fingerprints = []
    repeats = set()
    for place, one in enumerate(records):
        numbers = [_exact(value) for value in (one.qty, one.price, one.amount, one.fees, one.tax)]
        words = "" if one.source_id else one.text
        what = (name, one.source_id, one.kind, one.at.isoformat(), one.symbol, one.isin, one.currency, *numbers, words)
        key = repr(what)
        seen[key] += 1
        if seen[key] > 1:
            repeats.add(place)
            key += "" if one.source_id else f"#{seen[key]}"
        fingerprints.append(hashlib.sha256(key.encode()).hexdigest())
    return tuple(fingerprints), frozenset(repeats)


def _exact(value: Decimal | None) -> str | None:
    """One text for 1.5 and 1.50."""
    return None if value is None else plain(value)


def totals_off(records: Sequence[Record], totals: Sequence[Total]) -> list[str]:
    """Where the file's own totals are not what its records come to, in words."""
    cash: dict[str, Decimal] = defaultdict(lambda: ZERO)
    by_kind: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in records:
        cash[one.currency] += one.amount
        by_kind[one.kind, one.currency] += one.amount
    off = []
    starts: dict[str, Decimal] = {}
    for total in totals:
        unit = total.currency
        if total.name == "cash_start":
            starts[unit] = starts.get(unit, ZERO) + total.value
    ends: dict[str, Decimal] = {}
    for total in totals:
        unit = total.currency
        if total.name == "cash_end" and unit in starts:
            ends[unit] = ends.get(unit, ZERO) + total.value
        elif total.name == "cash_change" and abs(total.value - cash[unit]) >= Decimal("0.01"):
            off.append(_words("cash changed by", total.value, cash[unit], unit))
        elif total.name in KIND_OF_TOTAL:
            come = by_kind[KIND_OF_TOTAL[total.name], unit]
            if abs(total.value - come) >= Decimal("0.01"):
                off.append(_words(f"{total.name} were", total.value, come, unit))
    for unit, end in ends.items():
        if abs(starts[unit] + cash[unit] - end) >= Decimal("0.01"):
            off.append(_words("cash at the end was", end, starts[unit] + cash[unit], unit))
    return off


def _words(what: str, stated: Decimal, come: Decimal, unit: str) -> str:
    return f"The file says that {what} {money_text(stated)} {unit}, its lines come to {money_text(come)} {unit}."
