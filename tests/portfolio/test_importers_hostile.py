"""Files that are broken or meant ill: always a reading or one error in words, soon, whatever the bytes."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from starkmatter.domain.money import to_cents
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers import bounds
from starkmatter.portfolio.importers.catalog import IMPORTERS, read_file
from starkmatter.portfolio.importers.mapping import CANONICAL
from starkmatter.portfolio.importers.planning import plan_import
from starkmatter.portfolio.importers.records import Reading

SAMPLES = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "samples").iterdir())}
FORMATS = [importer.name for importer in IMPORTERS]


def read(content: bytes, **how) -> Reading | None:
    """The reading, None when it was refused; any other error is the test's failure. What was read can be planned."""
    try:
        reading = read_file(content, **how)
    except InvalidInput as error:
        refused = error
    else:
        return checked(reading)
    assert refused.code in {"import_unreadable", "import_too_large"}
    assert refused.text.endswith(".")
    return None


def checked(reading: Reading) -> Reading:
    """What was read is finite, has its moments, and books to the cent."""
    for currency in {record.currency for record in reading.records} or {"USD"}:
        for planned in plan_import(reading, currency).booked:
            assert planned.cash == to_cents(planned.record.amount)
    assert all(remark.text and remark.line_no >= 0 for remark in reading.remarks)
    assert all(record.amount.is_finite() and record.at.utcoffset() is not None for record in reading.records)
    return reading


@given(st.binary(max_size=400), st.sampled_from([None, *FORMATS]))
@settings(max_examples=300, deadline=None)
@example(b"", None)
@example(b"\xff\xfe", None)
@example(b"\xff\xfea", "csv")
@example(b"\x00" * 40, "ofx")
@example(b"<OFX>", "ofx")
@example(b"[" * 100_000, "alpaca")
@example(b"<FlexQueryResponse>", "ibkr_flex")
def test_any_bytes_give_a_reading_or_one_error(content: bytes, format_name: str | None) -> None:
    read(content, format_name=format_name)


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_text_by_a_mapping_gives_a_reading_or_one_error(text: str) -> None:
    heading = ",".join(CANONICAL.columns)
    read(f"{heading}\n{text}".encode("utf-8", "surrogatepass"), mapping=CANONICAL)


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=500, deadline=None)
def test_a_damaged_file_gives_a_reading_or_one_error(name: str, seed: int, wounds: int) -> None:
    dice = random.Random(seed)
    content = bytearray(SAMPLES[name])
    for _ in range(wounds):
        at = dice.randrange(len(content))
        match dice.randrange(4):
            case 0:
                content[at] = dice.randrange(256)
            case 1:
                del content[at : at + dice.randrange(30)]
            case 2:
                content[at:at] = content[at : at + dice.randrange(200)]
            case _:
                content[at:at] = dice.choice(
                    [b",", b'"', b"-", b"\n", b"<", b">", b"{", b"9" * 20, b"1e9", b"=1", "٣".encode()]
                )
        if not content:
            break
    read(bytes(content))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_file_cut_anywhere_gives_a_reading_or_one_error(name: str) -> None:
    content = SAMPLES[name]
    for length in range(0, len(content), max(1, len(content) // 60)):
        read(content[:length])


def test_entities_and_document_types_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><FlexQueryResponse a="&y;"/>'
    reach = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><FlexQueryResponse/>'
    for content in (bomb, reach):
        with pytest.raises(InvalidInput, match="entities or a document type"):
            read_file(content, format_name="ibkr_flex")
    with pytest.raises(InvalidInput, match="document type or entities"):
        read_file(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><OFX><A>&x;</OFX>', format_name="ofx")


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (b'{"activities": [' + b"[" * 60 + b"]" * 60 + b'], "unitPrice": 1}', "ghostfolio"),
        (b"[" * 200_000, "alpaca"),
        (b"<FlexQueryResponse>" + b"<a>" * 60 + b"</a>" * 60 + b"</FlexQueryResponse>", "ibkr_flex"),
        (b"<OFX>" + b"<A>" * 60, "ofx"),
    ],
)
def test_what_is_nested_too_deep_is_refused(content: bytes, format_name: str) -> None:
    with pytest.raises(InvalidInput, match="nested more than") as refused:
        read_file(content, format_name=format_name)
    assert refused.value.code == "import_too_large"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"date,amount\n" + b"x" * (bounds.MAX_BYTES), "larger than 32 MB"),
        (b"date,amount" + b",c" * 400 + b"\n2024-01-01,1\n", "more than 300 columns"),
        (b"date,type,amount\n2024-01-01,fee," + b"9" * 9_000 + b"\n", "a cell of more than"),
        (b"date,type,amount\n" + b"a," * 150_000 + b"\n", "A line of the file has more than"),
        (b"date,type,amount\n" + b"2024-01-01,fee,1\n" * 50_001, "more than 50,000"),
        (b"date,type,amount\n" + b"2024-01-01,fee,x\n" * 52_100, "more than 50,000 rows"),
        (b'{"activities": [' + b",".join([b"1"] * 50_001) + b'], "unitPrice": 0}', "more than 50,000 activities"),
    ],
    ids=["bytes", "columns", "cell", "line", "records", "rows", "activities"],
)
def test_what_is_too_large_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        read_file(content)
    assert refused.value.code == "import_too_large"


@pytest.mark.parametrize(
    "cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", '=HYPERLINK("http://x")']
)
def test_a_formula_is_a_problem_and_no_text(cell: str) -> None:
    quoted = cell.replace('"', '""')
    reading = read_file(
        f'Date,Type,Amount,Note,Symbol\n2024-01-01,Fee,-1,"{quoted}",\n2024-01-01,Fee,-1,fine,"{quoted}"\n'.encode()
    )
    assert reading.records == ()
    assert [problem.line_no for problem in reading.problems] == [2, 3]
    assert reading.problems[0].text.endswith(" is a formula.")


def test_controls_and_marks_that_turn_text_round_are_taken_out() -> None:
    [record] = read_file("Date,Type,Amount,Note\n2024-01-01,Fee,-1,a\u202eb\x07c\u200b\n".encode()).records
    assert record.text == "a b c"


@pytest.mark.parametrize("text", ["1e999999999", "1" * 5_000, "NaN", "Infinity", "-Infinity", "1E+30"])
def test_a_number_that_nobody_writes_is_refused_or_told(text: str) -> None:
    rest = '"unitPrice": 0, "quantity": 1, "currency": "USD", "date": "2024-01-01"'
    whole = '{"activities": [{"type": "FEE", "fee": %s, ' + rest + "}]}"
    reading = read((whole % text).encode())
    assert reading is None or reading.records == ()


def test_a_spreadsheet_of_a_binary_kind_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="Spreadsheets have to be saved as CSV"):
        read_file(b"PK\x03\x04" + bytes(range(256)) * 20)


def test_fifty_thousand_rows_are_read_to_the_cent() -> None:
    heading = b"Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount\n"
    rows = [
        b"%02d/%02d/2024,Buy,KO,COCA-COLA %d,10,$60.10,$0.01,-$601.01\n" % (1 + i % 12, 1 + i % 28, i)
        for i in range(50_000)
    ]
    reading = read_file(heading + b"".join(rows))
    assert len(reading.records) == 50_000
    assert sum(record.amount for record in reading.records) == Decimal("-30050500.00")


@pytest.mark.parametrize(
    ("qty", "price", "amount"),
    [("999999999999", "999999999999", ""), ("0.000000000001", "", "-999999999999"), ("1", "999999999999.99", "")],
)
def test_a_worth_beyond_the_books_is_a_problem(qty: str, price: str, amount: str) -> None:
    heading = "Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount"
    reading = read(f"{heading}\n01/02/2024,Buy,KO,X,{qty},{price},,{amount}\n".encode())
    assert reading is not None
    assert len(reading.records) + len(reading.problems) == 1
    activity = '{"type": "DIVIDEND", "quantity": 999999999999, "unitPrice": 999999999999, "fee": 0, "currency": "USD", '
    reading = read(f'{{"activities": [{activity}"symbol": "KO", "date": "2024-01-01"}}]}}'.encode())
    assert reading is not None
    assert [problem.text for problem in reading.problems] == ["It is worth more than the books keep."]


def test_a_quote_that_swallows_lines_is_refused() -> None:
    swallowed = b'Date,Type,Amount,Note\n2024-01-01,Fee,-1,"open\n2024-01-02,Fee,-1,x\n2024-01-03,Fee,-1,y\n'
    with pytest.raises(InvalidInput, match="a quote is not closed"):
        read_file(swallowed)


@pytest.mark.parametrize(
    ("piece", "format_name"),
    [
        (b'\\"', "alpaca"), (b'"', "alpaca"), (b"<![CDATA[", "ofx"), (b"<OFX", "ofx"), (b"<OFX><A ", "ofx"),
        (b"</A>", "ofx"), (b"<A>x", "ofx"), (b"\xc3\x9f", "ofx"), (b"<a ", "ibkr_flex"), (b"&", "ibkr_flex"),
        (b'"', "csv"), (b"\n", "csv"), (b" (usd) ", "trading212"), (b"0,", "degiro"), (b"+", None), (b"(", None),
        (b"\r", None),
    ],
    ids=str,
)  # fmt: skip
def test_a_piece_that_stands_a_million_times_is_done_with_soon(piece: bytes, format_name: str | None) -> None:
    """What tried each place to the end would take hours: then the limit of every test ends it."""
    for start in (b"", b"[", b"<OFX>", b"date,type,amount\n2024-01-01,fee,"):
        read(start + piece * (2_000_000 // len(piece)), format_name=format_name)
