"""Files of other programs, read whole: each sample adds up to what it states, and says what it does not give."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.domain.ledger import CASH, imbalance
from starkmatter.domain.money import to_cents
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.catalog import IMPORTERS, read_file, recognize
from starkmatter.portfolio.importers.decoding import text_of
from starkmatter.portfolio.importers.planning import plan_import
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import Reading, Record

SAMPLES = Path(__file__).parent / "samples"
# File, format, what its cash comes to (in two of them the balance that it prints), how many of each kind, its problems.
WHOLE = [
    ("alpaca.json", "alpaca", {"USD": "7247.88"}, "buy2 sell1 dividend1 tax1 fee1 interest1 deposit1", [10]),
    ("alpaca.csv", "alpaca", {"USD": "7649.90"}, "buy1 dividend1 deposit1 withdrawal1", []),
    ("ibkr_flex.xml", "ibkr_flex", {"USD": "3169.39"}, "buy1 sell1 dividend1 tax1 fee1 interest1 deposit1", []),
    ("ibkr_flex.csv", "ibkr_flex", {"USD": "1104.00"}, "buy1 dividend1 deposit1", [6]),
    ("schwab.csv", "schwab", {"USD": "3423.88"}, "buy2 sell1 dividend2 tax1 fee1 interest1 deposit1", []),
    ("etrade.csv", "etrade", {"USD": "792.51"}, "buy2 sell1 dividend1 interest1 deposit1", [11]),
    ("etrade_2025.csv", "etrade", {"USD": "1782.28"}, "buy1 sell1 deposit1", []),
    ("fidelity.csv", "fidelity", {"USD": "1544.14"}, "buy2 sell1 dividend2 tax1 deposit1", [11]),
    (
        "robinhood.csv",
        "robinhood",
        {"USD": "1619.22"},
        "buy2 sell1 dividend1 tax1 split1 fee1 interest1 deposit1",
        [10],
    ),
    ("trading212.csv", "trading212", {"EUR": "863.71"}, "buy2 sell1 dividend1 interest1 deposit1 withdrawal1", []),
    ("degiro.csv", "degiro", {"EUR": "2487.38"}, "buy1 sell2", []),
    ("degiro_2025.csv", "degiro", {"EUR": "-417.84"}, "buy1 sell1", []),
    ("ghostfolio.json", "ghostfolio", {"USD": "-947.50"}, "buy1 sell1 dividend1 fee1", [5]),
    (
        "portfolio_performance.csv",
        "portfolio_performance",
        {"EUR": "4401.85"},
        "buy1 sell1 dividend1 interest1 deposit1 withdrawal1 transfer_in1",
        [],
    ),
    ("portfolio_performance_en.csv", "portfolio_performance", {"USD": "3985.60"}, "buy1 deposit1 fee1", []),
    ("investment.qfx", "ofx", {"USD": "2693.24"}, "buy2 sell1 dividend2 fee1 deposit1", [29]),
    ("bank.ofx", "ofx", {"USD": "200.83"}, "interest1 deposit1 withdrawal1", []),
    ("own.csv", "csv", {"USD": "-354.40"}, "buy1 sell1 dividend1", []),
]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def read(name: str) -> Reading:
    return read_file(sample(name))


def one(reading: Reading, **wanted: object) -> Record:
    [found] = [r for r in reading.records if all(getattr(r, name) == value for name, value in wanted.items())]
    return found


def schwab(*rows: str) -> Reading:
    heading = "Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount"
    return read_file("\n".join([heading, *rows]).encode())


@pytest.mark.parametrize(("name", "format_name", "cash", "kinds", "problems"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_sample_is_recognized_and_adds_up(
    name: str, format_name: str, cash: dict[str, str], kinds: str, problems: list[int]
) -> None:
    reading = read(name)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for record in reading.records:
        sums[record.currency] += record.amount
    assert reading.format == format_name
    assert sums == {unit: Decimal(amount) for unit, amount in cash.items()}
    found = Counter(record.kind for record in reading.records)
    assert found == {word.rstrip("0123456789"): int(word[-1]) for word in kinds.split()}
    assert [problem.line_no for problem in reading.problems] == problems
    assert reading.totals_off == ()


def test_every_sample_is_tested_and_every_format_has_one() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {row[0] for row in WHOLE}
    assert {importer.name for importer in IMPORTERS} == {row[1] for row in WHOLE}


@pytest.mark.parametrize("name", [row[0] for row in WHOLE])
def test_a_file_is_of_one_format_only(name: str) -> None:
    source = Source(text_of(sample(name)))
    known = [importer.name for importer in IMPORTERS if importer.recognizes(source) and importer.name != "csv"]
    assert len(known) <= 1


@pytest.mark.parametrize("name", [row[0] for row in WHOLE if row[0].endswith(".csv")])
def test_every_line_of_a_table_is_a_record_or_a_remark(name: str) -> None:
    text = sample(name).decode()
    reading = read(name)
    told = {item.line_no for item in (*reading.records, *reading.remarks, *reading.totals)}
    headings = ("Date,", "Datum", "Run Date", "TransactionDate", "Activity", "Action,", '"Date"', '"Activity', "id,")
    frames = ('"BO', '"EO', '"ClientAccountID', "Trade Date")
    inside_quotes = False
    for line_no, line in enumerate(text.splitlines(), start=1):
        begins = not inside_quotes
        inside_quotes ^= line.count('"') % 2 == 1
        if begins and line.strip('", ') and not line.startswith((*headings, *frames)):
            assert line_no in told, f"line {line_no} of {name} was dropped: {line}"


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
    ],
    ids=["bom", "utf-16", "utf-16-be", "utf-16-le without a mark", "crlf", "cr"],
)
@pytest.mark.parametrize("name", [row[0] for row in WHOLE])
def test_encoding_and_line_ends_change_nothing(name: str, encode) -> None:
    if name == "robinhood.csv" or name.endswith((".ofx", ".qfx", ".json", ".xml")):
        assert read_file(encode(sample(name).decode())).records == read(name).records
        return
    assert read_file(encode(sample(name).decode())) == read(name)


def test_latin_1_is_read_where_it_is_no_utf_8() -> None:
    german = sample("portfolio_performance.csv").decode()
    assert read_file(german.encode("latin-1")).records == read("portfolio_performance.csv").records


def test_a_stated_total_that_the_lines_miss_is_told() -> None:
    off = read_file(sample("schwab.csv").replace(b"$3423.88", b"$3424.88"))
    assert off.totals_off == ("The file says that cash changed by 3424.88 USD, its lines come to 3423.88 USD.",)
    off = read_file(
        sample("ibkr_flex.xml").replace(
            b'levelOfDetail="Currency" startingCash="1000"', b'levelOfDetail="Currency" startingCash="900"'
        )
    )
    assert off.totals_off == ("The file says that cash at the end was 4169.39 USD, its lines come to 4069.39 USD.",)


def test_a_section_of_ib_that_lacks_rows_is_told() -> None:
    [first, *_] = read_file(sample("ibkr_flex.csv").replace(b'"EOS","CTRN","2"', b'"EOS","CTRN","3"')).problems[1:]
    assert first.text == "The section says that it has 3 rows, it has 2."


def test_days_are_noon_where_the_file_was_written_and_times_are_told_in_utc() -> None:
    assert one(read("schwab.csv"), kind="sell").at == datetime(2024, 1, 19, 17, tzinfo=UTC)
    assert one(read("ibkr_flex.xml"), kind="sell").at == datetime(2024, 2, 20, 20, 45, tzinfo=UTC)
    assert one(read("degiro.csv"), kind="buy").at == datetime(2024, 6, 4, 13, 30, tzinfo=UTC)
    assert one(read("alpaca.json"), kind="sell").at == datetime(2024, 2, 5, 20, tzinfo=UTC)
    assert one(read("investment.qfx"), source_id="A1").at == datetime(2024, 1, 16, 14, 30, tzinfo=UTC)
    assert one(read("investment.qfx"), source_id="A3").at == datetime(2024, 3, 14, 12, tzinfo=UTC)
    assert one(read("portfolio_performance.csv"), kind="dividend").at == datetime(2024, 4, 30, 10, tzinfo=UTC)


def test_a_trade_in_another_currency_is_told_at_what_it_cost() -> None:
    bought = one(read("degiro.csv"), kind="buy")
    assert (bought.isin, bought.symbol, bought.qty, bought.fees) == ("US67066G1040", "", 100, Decimal("0.50"))
    assert (bought.price, bought.currency) == (Decimal("43.3512"), "EUR")
    assert bought.text == "NVIDIA CORP, at 49.559 USD"
    apple = one(read("trading212.csv"), symbol="AAPL", kind="buy")
    assert (apple.price, apple.fees, apple.amount) == (Decimal("170.656"), Decimal("1.28"), Decimal("-854.56"))


def test_what_the_exchange_kept_is_a_fee_where_a_file_has_no_column_for_it() -> None:
    heading = "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,Quantity,Price,Amount"
    sold = read_file(
        f'{heading}\n8/20/2024,8/20/2024,8/21/2024,BRK,Berkshire,Sell,1,"$10,000.00","$9,999.72"\n'.encode()
    )
    assert one(sold, kind="sell").fees == Decimal("0.28")
    lost = read_file(f"{heading}\n8/20/2024,8/20/2024,8/21/2024,BRK,Berkshire,Sell,1,$900.00,$700.00\n".encode())
    assert [problem.line_no for problem in lost.problems] == [2]


def test_a_class_of_shares_is_written_with_a_point() -> None:
    assert one(read("ibkr_flex.xml"), kind="sell").symbol == "BRK.B"


def test_a_reinvested_dividend_is_a_dividend_and_a_purchase() -> None:
    income, bought = (r for r in read("investment.qfx").records if r.source_id.startswith("A4"))
    assert (income.kind, income.amount, income.symbol) == ("dividend", Decimal("25.50"), "VTI")
    assert (bought.kind, bought.amount, bought.qty) == ("buy", Decimal("-25.50"), Decimal("0.1"))


def test_a_line_whose_figures_do_not_fit_is_a_problem_and_no_record() -> None:
    reading = schwab(
        "01/17/2024,Buy,KO,COCA-COLA,100,$60.10,,-$6100.00", "01/18/2024,Buy,KO,COCA-COLA,1,$60.10,,-$60.10"
    )
    assert [record.line_no for record in reading.records] == [3]
    [problem] = reading.problems
    assert problem.line_no == 2
    assert problem.text == "100 at 60.1 with costs of 0 come to -6010, but it says -6100."


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("01/17/2024,Buy,KO,X,100,$60.10,,$6010.00", "A buy that moves 6010 has the wrong sign."),
        ("13/17/2024,Buy,KO,X,100,$60.10,,-$6010.00", "“13/17/2024” is not a day of the calendar."),
        ("01/17/2024,Barter,KO,X,100,$60.10,,-$6010.00", "“Barter” is not a kind of action that is read."),
        ("01/17/2024,Buy,,X,100,$60.10,,-$6010.00", "It does not say of which symbol."),
        ("01/17/2024,Buy,KO,X,,$60.10,,-$6010.00", "It does not say how many shares."),
        ("01/17/2024,Buy,KO,X,ten,$60.10,,-$601.00", "“ten” is not a number with “.” before its decimals."),
        ("01/17/2024,Credit Interest,,X,,,,", "It does not say its amount."),
        ("01/17/2024,Sell to Open,KO 01/19/2024 60.00 C,X,1,$1.00,,$100.00", "Options are not read yet."),
        ("01/17/2024,Buy,KO,X,100,$60.10,,-$6010.00,more", "This line has 9 cells, the heading has 8."),
        ("01/17/2024,Buy,KO,X", "This line has 4 cells, the heading has 8."),
        ("01/17/2024,Credit Interest,,=HYPERLINK(0),,,,$1.00", None),
    ],
)
def test_what_cannot_be_read_is_told_in_words_by_its_line(row: str, words: str | None) -> None:
    reading = schwab(row)
    if words is None:
        # Behind the words of ours a formula is none: a spreadsheet looks at the beginning of a cell.
        assert reading.records[0].text.startswith("Credit Interest: =")
        return
    assert reading.records == ()
    assert [(problem.line_no, problem.text) for problem in reading.problems] == [(2, words)]


def test_two_equal_lines_without_a_number_are_two_trades_and_marked() -> None:
    reading = read("degiro.csv")
    assert reading.repeats == {2}
    assert len(set(reading.fingerprints)) == 3
    plan = plan_import(read_file(sample("own.csv") + b"02/20/2024,Sold,KO,4,61.00,1.00,243.00,\n"), "USD")
    assert [planned.is_repeat for planned in plan.booked] == [False, False, False, True]


def test_a_number_that_stands_twice_is_known_and_booked_once() -> None:
    twice = sample("alpaca.csv") + sample("alpaca.csv").splitlines(keepends=True)[2]
    plan = plan_import(read_file(twice), "USD")
    assert [(known.record.line_no, known.in_this_file) for known in plan.known] == [(6, True)]
    assert plan.cash == Decimal("7649.90")


@pytest.mark.parametrize("name", [row[0] for row in WHOLE])
def test_the_same_file_again_is_known_altogether(name: str) -> None:
    reading = read(name)
    assert len(set(reading.fingerprints)) == len(reading.records)
    again = plan_import(read_file(sample(name)), "USD", frozenset(reading.fingerprints))
    assert again.booked == ()
    assert len(again.known) == len(reading.records)
    assert not any(known.in_this_file for known in again.known)


@pytest.mark.parametrize("name", [row[0] for row in WHOLE])
def test_a_dry_run_places_every_record_and_books_its_cash_to_the_cent(name: str) -> None:
    reading = read(name)
    [currency] = {record.currency for record in reading.records}
    plan = plan_import(reading, currency)
    placed = [p.record for p in (*plan.booked, *plan.known, *plan.not_booked)]
    assert sorted(placed, key=reading.records.index) == list(reading.records)
    for planned in plan.booked:
        assert planned.cash == to_cents(planned.record.amount)
        for booking in planned.bookings:
            assert imbalance(booking.legs) == {}
            assert all(leg.amount == to_cents(leg.amount) for leg in booking.legs if leg.account == CASH)
    assert plan.unread == reading.problems
    assert all(left.reason.endswith(".") for left in plan.not_booked)


def test_what_a_dry_run_says_of_each_kind() -> None:
    plan = plan_import(read("robinhood.csv"), "USD")
    assert {left.record.kind: left.reason for left in plan.not_booked} == {
        "split": "Splits are booked from the instrument's own data, not from a file."
    }
    words = [booking.description for planned in plan.booked for booking in planned.bookings]
    assert "Sold 10 NVDA at 127.25 USD" in words
    assert "Deposited 1500.00 USD" in words
    [left, *_] = plan_import(read("degiro.csv"), "EUR").not_booked
    assert left.reason == "The file knows it by its ISIN (US67066G1040) alone: say which symbol that is."
    assert all("exchange rates" in left.reason for left in plan_import(read("degiro.csv"), "USD").not_booked)


def test_a_dividend_with_tax_is_booked_whole_with_the_tax_beside_it() -> None:
    plan = plan_import(read("portfolio_performance.csv"), "EUR")
    [dividend] = [p for p in plan.booked if p.record.kind == "dividend"]
    assert [(b.kind, b.cash) for b in dividend.bookings] == [("dividend", Decimal("68.00")), ("tax", Decimal("-17.97"))]


def test_shares_that_were_delivered_are_brought_in_at_their_worth() -> None:
    plan = plan_import(read("portfolio_performance.csv"), "EUR")
    [delivered] = [p for p in plan.booked if p.record.kind == "transfer_in"]
    [booking] = delivered.bookings
    assert booking.cash == 0
    assert (booking.kind, booking.description) == (
        "transfer_in", "Moved 12 VWCE.DE worth 1200.00 EUR from another account"
    )  # fmt: skip


def test_progress_is_told_and_reading_can_be_stopped() -> None:
    lines = sample("own.csv").splitlines(keepends=True)
    many = lines[0] + lines[1] * 2_500
    told: list[tuple[int, int | None]] = []
    read_file(many, progress=lambda count, whole: told.append((count, whole)))
    assert told == [(1_000, None), (2_000, None), (2_500, 2_500)]
    with pytest.raises(InvalidInput, match="stopped") as refused:
        read_file(many, is_canceled=lambda: True)
    assert refused.value.code == "import_canceled"


def test_a_file_of_no_known_format_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="no format that is known"):
        read_file(b"Dear diary,\ntoday nothing happened.\n")
    with pytest.raises(InvalidInput, match="must be one of: alpaca"):
        read_file(sample("own.csv"), format_name="quicken")


def test_the_first_that_recognizes_a_file_is_not_any_table() -> None:
    found = recognize(Source(text_of(sample("schwab.csv"))))
    assert found is not None
    assert found.name == "schwab"


def test_a_flex_query_has_the_same_fingerprints_as_xml_and_as_csv() -> None:
    xml, csv = read("ibkr_flex.xml"), read("ibkr_flex.csv")
    assert set(csv.fingerprints) < set(xml.fingerprints)


def test_sums_of_a_cash_report_are_checked() -> None:
    with_sums = (
        b'endingCash="4169.39" dividends="7.50" paymentInLieu="0" withholdingTax="-1.20" brokerInterest="52.08" /'
    )
    text = sample("ibkr_flex.xml")
    whole = text.replace(
        b'"Currency" startingCash="1000" endingCash="4169.39" /', b'"Currency" startingCash="1000" ' + with_sums
    )
    assert read_file(whole).totals_off == ("The file says that taxes were -1.20 USD, its lines come to -1.13 USD.",)


def test_shares_that_moved_to_another_account_carry_their_worth_and_no_cash() -> None:
    [moved] = schwab("01/17/2024,Security Transfer,KO,COCA-COLA,10,,,$601.00").records
    assert (moved.kind, moved.qty, moved.price, moved.amount) == ("transfer_in", 10, Decimal("60.1"), 0)


def test_text_in_cdata_is_text() -> None:
    text = sample("bank.ofx").replace(b"<MEMO></MEMO>", b"<MEMO><![CDATA[A <b> & C]]></MEMO>")
    assert one(read_file(text), source_id="B2").text == "A <b> & C"


def test_a_heading_that_stands_again_is_noted() -> None:
    twice = read_file(sample("own.csv") + sample("own.csv").splitlines(keepends=True)[0])
    assert [(remark.line_no, remark.kind) for remark in twice.remarks] == [(5, "note")]
