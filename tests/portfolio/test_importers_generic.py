"""Any table by a mapping: guessed from headings, kept as data, and our own export read back as it was."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.amounts import number
from starkmatter.portfolio.importers.catalog import read_file
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.generic import generic_csv, guessed
from starkmatter.portfolio.importers.mapping import CANONICAL, ColumnMapping, from_data, guess_mapping, to_data
from starkmatter.portfolio.importers.moments import moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import KINDS, TRADES, BadLineError, Kind, Record

instants = st.datetimes(datetime(1971, 1, 1), datetime(2098, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
amounts = st.decimals(Decimal("-1e9"), Decimal("1e9"), places=2)
costs = st.decimals(0, 1000, places=2)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=60).map(
    lambda text: " ".join(f"x {text}".split())
)
symbols = st.sampled_from(["AAPL", "BRK.B", "BTC-USD", "^SPX", "7203.T"])
isins = st.sampled_from(["", "US0378331005", "NL0010273215"])


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record as `make_record` lets it through, of any kind."""
    kind: Kind = draw(st.sampled_from(KINDS))
    amount = draw(amounts)
    qty = (
        draw(st.decimals(Decimal("0.000001"), Decimal("1e6"), places=6)) if kind in TRADES or kind == "split" else None
    )
    if kind == "deposit" or kind == "withdrawal":
        amount = abs(amount) if kind == "deposit" else -abs(amount)
    if kind.startswith("transfer"):
        qty = draw(st.none() | st.decimals(1, 1000, places=3))
        amount = amount or Decimal(1)
    trade = kind in TRADES
    return make_record(
        kind,
        draw(instants),
        draw(st.sampled_from(["USD", "EUR"])),
        1,
        symbol=draw(symbols) if qty else "",
        isin=draw(isins) if qty else "",
        qty=qty,
        price=draw(st.decimals(0, 10_000, places=4)) if trade else None,
        amount=None if trade else amount,
        fees=draw(costs),
        tax=draw(costs),
        text=draw(words),
        source_id=draw(st.sampled_from(["", "A-1", "0000e1a2.65b3"])),
    )


def table(text: str, mapping: ColumnMapping | None = None):
    return read_file(text.encode(), mapping=mapping)


def without_line(record: Record) -> tuple:
    return tuple(getattr(record, name) for name in Record.__slots__ if name != "line_no")


@given(st.lists(records(), min_size=1, max_size=12))
@settings(max_examples=120, deadline=None)
def test_our_own_export_reads_back_as_it_was(written: list[Record]) -> None:
    reading = read_file(generic_csv(written).encode())
    assert reading.format == "csv"
    assert reading.remarks == ()
    assert [without_line(record) for record in reading.records] == [without_line(record) for record in written]


def test_headings_of_several_languages_are_guessed() -> None:
    german = guess_mapping(
        ["Datum", "Typ", "ISIN", "Anzahl", "Kurs", "Gebühren", "Betrag", "Währung"],
        [["31.01.2024", "Kauf", "NL0010273215", "5", "682,70", "2,00", "-3.415,50", "EUR"]],
    )
    assert german is not None
    assert german.columns == {
        "at": "datum",
        "kind": "typ",
        "isin": "isin",
        "qty": "anzahl",
        "price": "kurs",
        "fees": "gebühren",
        "amount": "betrag",
        "currency": "währung",
    }
    assert (german.date_order, german.decimal_mark, german.signed, german.unsure) == ("dmy", ",", True, ())


def test_what_the_file_leaves_open_has_to_be_said() -> None:
    text = "Date,Type,Symbol,Quantity,Price\n01/02/2024,Buy,KO,1,60.10\n"
    with pytest.raises(InvalidInput, match="whether its dates begin with the day or the month"):
        table(text)
    guess = guessed(Source(text))
    assert guess is not None
    assert guess.unsure == ("date_order",)
    chosen = from_data({**to_data(guess), "date_order": "dmy", "unsure": []})
    assert table(text, chosen).records[0].at == datetime(2024, 2, 1, 12, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="which column says what happened"):
        table("Date,Symbol,Quantity,Price\n2024-01-02,KO,1,60.10\n")


def test_a_table_without_kinds_is_read_by_the_sign_of_its_shares() -> None:
    reading = table("Date,Symbol,Quantity,Price\n2024-01-02,KO,3,60.10\n2024-01-03,KO,-1,61\n")
    assert [(r.kind, r.qty, r.amount) for r in reading.records] == [("buy", 3, Decimal("-180.30")), ("sell", 1, 61)]


def test_amounts_without_signs_go_the_way_of_their_kind() -> None:
    text = "Date,Type,Amount\n2024-01-02,Deposit,100\n2024-01-03,Fee,5\n2024-01-04,Tax,2\n2024-01-05,Withdrawal,10\n"
    assert [record.amount for record in table(text).records] == [100, -5, -2, -10]
    signed = text.replace(",5\n", ",-5\n").replace(",2\n", ",-2\n").replace(",10\n", ",-10\n")
    assert [record.amount for record in table(signed).records] == [100, -5, -2, -10]


def test_a_persons_own_words_are_mapped() -> None:
    mapping = ColumnMapping(
        {"at": "wann", "kind": "was", "symbol": "wovon", "qty": "stück", "price": "zu"},
        "dmy",
        ",",
        "Europe/Berlin",
        "EUR",
        kinds={"gekauft": "buy"},
    )
    reading = table(
        "Wann;Was;Wovon;Stück;zu\n31.01.2024;gekauft;BAS.DE;1.000,5;45,50\n1.2.2024;getauscht;BAS.DE;1;1\n", mapping
    )
    [record] = reading.records
    assert (record.qty, record.price, record.currency) == (Decimal("1000.5"), Decimal("45.50"), "EUR")
    assert record.at == datetime(2024, 1, 31, 11, tzinfo=UTC)
    assert [problem.text for problem in reading.problems] == ["“getauscht” is not a kind that is known: map it."]


def test_a_mapping_is_data_and_comes_back_from_it() -> None:
    mapping = ColumnMapping(
        {"at": "day", "amount": "sum"}, "mdy", ",", "Europe/Paris", "EUR", False, {"x": "buy"}, ("kind",)
    )
    assert from_data(to_data(mapping)) == mapping
    assert from_data(to_data(CANONICAL)) == CANONICAL


@pytest.mark.parametrize(
    "change",
    [
        {"columns": None},
        {"columns": {"at": 1}},
        {"columns": {"when": "date"}},
        {"kinds": {"x": "gift"}},
        {"kinds": []},
        {"date_order": "ydm"},
        {"decimal_mark": "'"},
        {"zone": "../etc/passwd"},
        {"zone": 3},
        {"currency": "usd"},
        {"currency": None},
        {"signed": "yes"},
        {"unsure": [1]},
        {"unsure": None},
    ],
    ids=str,
)
def test_a_mapping_that_was_tampered_with_is_refused(change: dict) -> None:
    with pytest.raises(InvalidInput):
        from_data({**to_data(CANONICAL), **change})
    with pytest.raises(InvalidInput):
        from_data(["at"])


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,234.50", ".", "1234.50"),
        ("$1,234.50", ".", "1234.50"),
        ("-$5.00", ".", "-5.00"),
        ("$-5.00", ".", "-5.00"),
        ("($5.00)", ".", "-5.00"),
        ("5-", ".", "-5"),
        ("+5", ".", "5"),
        (".5", ".", "0.5"),
        ("1234567.891", ".", "1234567.891"),
        ("USD 5.10", ".", "5.10"),
        ("5.10 EUR", ".", "5.10"),
        ("1.234,50", ",", "1234.50"),
        ("1 234,50", ",", "1234.50"),
        ("1\u00a0234,50 €", ",", "1234.50"),
        ("1'234,50", ",", "1234.50"),
        ("−3,5", ",", "-3.5"),
        ("0.000000000001", ".", "1E-12"),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, mark, value: str) -> None:
    assert number(text, mark) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "1e5",
        "NaN",
        "Infinity",
        "1,23,456",
        "1.2.3",
        "0x1F",
        "=1+1",
        "--5",
        "-(5)",
        "١٢",
        "1_000",
        "9" * 13,
        "0." + "1" * 13,
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadLineError):
        number(text)


@given(st.decimals(Decimal("-1e11"), Decimal("1e11"), places=6))
@settings(max_examples=200, deadline=None)
def test_a_number_written_either_way_is_the_same(value: Decimal) -> None:
    english = f"{value:,f}"
    european = english.translate(str.maketrans(",.", ".,"))
    assert number(english) == value
    assert number(european, ",") == value


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2024-13-01",
        "31/31/2024",
        "1700-01-01",
        "yesterday",
        "2024-01-01 25:00",
        "2024-01-01 9:61",
        "2024-01-01T10:00+99:00",
        "2024-01-01 13:00 PM",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadLineError):
        moment(text, "mdy", UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240116;093015", datetime(2024, 1, 16, 9, 30, 15, tzinfo=UTC)),
        ("2024-01-16T09:30:15.25Z", datetime(2024, 1, 16, 9, 30, 15, 250_000, tzinfo=UTC)),
        ("2024-01-16 09:30:15+02:00", datetime(2024, 1, 16, 7, 30, 15, tzinfo=UTC)),
        ("1/16/24 9:30 PM", datetime(2024, 1, 16, 21, 30, tzinfo=UTC)),
        ("16 Jan 2024", datetime(2024, 1, 16, 12, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_they_are_written(text: str, expected: datetime) -> None:
    assert moment(text, "mdy", UTC) == expected


def test_a_number_that_could_be_either_has_to_be_said() -> None:
    text = "Date;Type;Amount\n2024-01-02;Deposit;1,234\n"
    with pytest.raises(InvalidInput, match="whether a point or a comma"):
        table(text)
    [record] = table(text + "2024-01-03;Deposit;5,10\n").records[:1]
    assert record.amount == Decimal("1.234")
    [record] = table(text + "2024-01-03;Deposit;5.10\n").records[:1]
    assert record.amount == 1234


def test_a_tax_beside_a_dividend_is_a_cost_whatever_its_sign() -> None:
    [record] = table("Date,Type,Symbol,Amount,Tax\n2024-01-02,Dividend,KO,-8.50,-1.50\n").records
    assert (record.amount, record.tax) == (Decimal("-8.50"), Decimal("1.50"))
