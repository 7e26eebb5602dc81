"""Imports as their page draws them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importers.generic import UNSURE
from starkmatter.portfolio.importers.mapping import FIELDS
from starkmatter.portfolio.importing.booking import BOOKED
from starkmatter.portfolio.importing.records import ImportView, LineView
from starkmatter.portfolio.importing.service import STATE_WORDS
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row

KIND_NAMES = {
    "buy": "Buy", "sell": "Sell", "dividend": "Dividend", "interest": "Interest", "fee": "Fee", "tax": "Tax",
    "deposit": "Deposit", "withdrawal": "Withdrawal", "split": "Split", "transfer_in": "Shares or cash in",
    "transfer_out": "Shares or cash out", "other": "Other", "fill": "Trade",
}  # fmt: skip
OUTCOME_NAMES = {
    "booked": "To book", "not_booked": "Not booked", "known": "Known already", "problem": "Problems",
    "note": "Left out",
}  # fmt: skip
FIELD_NAMES = {
    "at": "Date (and time)", "time": "Time, if it is apart", "kind": "What happened", "symbol": "Symbol",
    "isin": "ISIN", "qty": "Shares", "price": "Price a share", "amount": "Cash that moved", "fees": "Fees",
    "tax": "Tax",
    "currency": "Currency", "text": "Words", "source_id": "Number of its own",
}  # fmt: skip
STEPS = {
    "uploaded": "Waiting to be read …", "reading": "Reading the file …", "confirmed": "Waiting to be booked …",
    "booking": "Booking …", "undoing": "Taking it back …",
}  # fmt: skip
NO_IMPORT: Row = dict.fromkeys(
    (
        "id", "state", "stage", "words", "file", "size", "format", "title", "cash", "span", "step", "done",
        "whole", "booked", "not_booked", "known", "problem", "note", "account", "currency", "agrees", "has_columns",
        "refused", "ratio", "booked_words", "canceling",
    ),
    "",
)  # fmt: skip
NO_MAPPING: Row = dict.fromkeys(("date_order", "decimal_mark", "zone", "currency", "signed", "ask", "kinds"), "")
NO_COLUMN = ""
MOST_CELLS = 12


def import_row(one: ImportView) -> Row:
    """The import that is looked at. `stage` says which part of the page it is in: moving, ask, read, booked, over."""
    summary = one.summary or {}
    counts: Mapping[str, int] = summary.get("counts", {})
    cash = Decimal(summary["cash"]) if summary else None
    stage = {"needs_mapping": "ask", "read": "read", "booked": "booked"}.get(one.state, "over")
    stated = [agrees for *_, agrees in summary.get("stated", []) if agrees is not None]
    first, last = summary.get("first_at"), summary.get("last_at")
    return NO_IMPORT | {
        "id": str(one.id),
        "state": STATE_WORDS[one.state],
        "stage": "moving" if one.is_moving else stage,
        "words": one.words,
        "refused": "" if one.state != "booked" or one.words.endswith(BOOKED) else one.words,
        "file": one.file_name,
        "size": _size(one.file_bytes),
        "format": one.format or "",
        "title": summary.get("title", ""),
        "cash": show.change(cash),
        "span": f"{_day(first)} to {_day(last)}" if first and last else "",
        "step": "Leaving off …" if one.is_canceling and one.is_moving else STEPS.get(one.state, ""),
        "done": f"{one.done_count:,}" + (f" of {one.whole_count:,}" if one.whole_count else "")
        if one.done_count
        else "",
        "ratio": str(round(one.done_count / one.whole_count, 3)) if one.whole_count else "",
        "account": one.account_name,
        "currency": one.currency,
        "agrees": "" if not stated else "yes" if all(stated) and not summary.get("totals_off") else "no",
        "has_columns": "yes" if one.columns else "",
        "booked_words": _count(counts.get("booked", 0)),
        "canceling": "yes" if one.is_canceling or one.state == "undoing" else "",
        **{outcome: f"{counts.get(outcome, 0):,}" for outcome in OUTCOME_NAMES},
    }


def history_row(one: ImportView) -> Row:
    """A line of the list of former imports."""
    summary = one.summary or {}
    counts = summary.get("counts", {})
    return {
        "id": str(one.id),
        "file": one.file_name,
        "kind": "Typed in" if one.origin == "manual" else summary.get("title", "File"),
        "account": one.account_name,
        "at": show.wall_time(one.created_at),
        "state": STATE_WORDS[one.state].capitalize(),
        "lines": f"{counts.get('booked', 0):,}" if counts else show.NOTHING,
        "cash": show.change(Decimal(summary["cash"])) if summary else show.NOTHING,
        "currency": one.currency,
        "words": one.words if one.state in {"failed", "booked", "canceled"} and one.words else "",
        "may_undo": "yes" if one.state == "booked" else "",
        "is_file": "yes" if one.origin == "file" else "",
    }


def line_row(one: LineView) -> Row:
    """A line of the dry run."""
    cash = None if one.cash is None else Decimal(one.cash)
    return {
        "line": str(one.line_no),
        "at": show.day(one.at) if one.at else "",
        "kind": KIND_NAMES.get(one.kind or "", (one.kind or "").replace("_", " ").capitalize()),
        "symbol": one.symbol or "",
        "qty": show.quantity(one.qty) if one.qty is not None else "",
        "price": show.plain_number(Decimal(one.price)) if one.price is not None else "",
        "cash": show.change(cash) if cash is not None else "",
        "currency": one.currency or "",
        "words": one.words,
        "repeat": "The file has a line before that says the same." if one.is_repeat else "",
    }


def kind_rows(summary: Mapping[str, Any]) -> list[Row]:
    """What the file's lines come to, by kind."""
    return [
        {
            "kind": KIND_NAMES.get(kind, kind.replace("_", " ").capitalize()),
            "currency": currency,
            "count": f"{count:,}",
            "cash": show.change(Decimal(cash)),
        }
        for kind, currency, count, cash in summary.get("kinds", [])
    ]


def total_rows(summary: Mapping[str, Any]) -> list[Row]:
    """By currency, what all lines come to; then what the file states itself, beside what its lines come to."""
    cash: dict[str, Decimal] = {}
    for _, currency, _, moved in summary.get("kinds", []):
        cash[currency] = cash.get(currency, ZERO) + Decimal(moved)
    found = [
        {"name": "All lines", "currency": unit, "stated": "", "come": show.change(value), "agrees": ""}
        for unit, value in sorted(cash.items())
    ]
    for name, unit, stated, come, agrees in summary.get("stated", []):
        found.append(
            {
                "name": name,
                "currency": unit,
                "stated": show.change(Decimal(stated)),
                "come": show.NOTHING if come is None else show.change(Decimal(come)),
                "agrees": "" if agrees is None else "yes" if agrees else "no",
            }
        )
    return found


def warnings_of(summary: Mapping[str, Any]) -> list[str]:
    """What somebody should know before confirming, in sentences."""
    found = list(summary.get("totals_off", []))
    for name, count in summary.get("moves_alone", []):
        found.append(_alone(name, count))
    lacking = summary.get("below_zero", [])
    if lacking:
        named = ", ".join(
            f"{show.quantity(Decimal(least))} {symbol} from {_day(since)}" for symbol, least, since in lacking[:5]
        )
        more = f" and {len(lacking) - 5} more symbols" if len(lacking) > 5 else ""
        found.append(
            f"More is sold than was bought: {named}{more}. An earlier file, a split or a short sale may be behind it; "
            "until it is there, those positions are below zero."
        )
    return found


def _alone(name: str, count: int) -> str:
    moves = "One move of shares has its" if count == 1 else f"{count:,} moves of shares have their"
    ledger = f"the ledger of {name}" if name else "another account's ledger"
    return (
        f"{moves} other side in {ledger}, which is not here. Import that file too, into an account of its own, before "
        "or after this one. Until then what came counts from that day at what it was worth then, and what left takes "
        "no lots along."
    )


def mapping_row(data: Mapping[str, Any] | None, words: str) -> Row:
    """How a table is read, for the form."""
    given = data or {}
    unsure = given.get("unsure", [])
    return NO_MAPPING | {
        "date_order": "" if "date_order" in unsure else str(given.get("date_order", "")),
        "decimal_mark": "" if "decimal_mark" in unsure else str(given.get("decimal_mark", ".")),
        "zone": str(given.get("zone", "UTC")),
        "currency": str(given.get("currency", "USD")),
        "signed": "yes" if given.get("signed", True) else "no",
        "ask": words,
        "kinds": "\n".join(f"{word} = {kind}" for word, kind in given.get("kinds", {}).items()),
        "unsure": " and ".join(UNSURE.get(one, one) for one in unsure),
    }


def field_rows(data: Mapping[str, Any] | None) -> list[Row]:
    """Each field of a record with the heading that was chosen for it, empty for none."""
    columns = (data or {}).get("columns", {})
    return [{"name": name, "label": FIELD_NAMES[name], "column": columns.get(name, NO_COLUMN)} for name in FIELDS]


def headings_of(columns: Mapping[str, Any] | None) -> list[str]:
    """The headings as a mapping names them: in small letters, those that say something."""
    found = [" ".join(str(cell).split()).lower() for cell in (columns or {}).get("heading", [])]
    return list(dict.fromkeys(cell for cell in found if cell))


def sample_of(columns: Mapping[str, Any] | None) -> list[list[str]]:
    """Heading and first rows, as wide as the heading and no wider than a page takes."""
    heading: Sequence[str] = (columns or {}).get("heading", [])[:MOST_CELLS]
    rows = [[str(cell) for cell in row[:MOST_CELLS]] for row in (columns or {}).get("rows", [])]
    wide = [row + [""] * (len(heading) - len(row)) for row in rows]
    return [[str(cell) for cell in heading], *[row[: len(heading)] for row in wide]] if heading else []


def mapping_of(form: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen in the form, as a mapping's plain data; what is wrong with it the service says."""
    columns = {name: str(form.get(f"column-{name}", "")) for name in FIELDS}
    kinds = {}
    for line in str(form.get("kinds", ""))[:4_000].splitlines():
        word, equals, kind = line.rpartition("=")
        if equals and word.strip():
            kinds[word.strip()] = kind.strip().lower()
    return {
        "columns": {name: column for name, column in columns.items() if column},
        "date_order": str(form.get("date_order", "")) or "ymd",
        "decimal_mark": str(form.get("decimal_mark", "")) or ".",
        "zone": str(form.get("zone", "")).strip() or "UTC",
        "currency": str(form.get("currency", "")).strip().upper() or "USD",
        "signed": form.get("signed", "yes") == "yes",
        "kinds": kinds,
    }


def _day(iso: str) -> str:
    return show.day(datetime.fromisoformat(iso))


def _size(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1024 * 1024 else f"{max(count / 1024, 0.1):.1f} kB"


def _count(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines:,} lines are"
