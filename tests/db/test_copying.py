"""Rows that go in by binary COPY come out as they were."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starkmatter.db.copying import copy_rows
from starkmatter.db.database import Database

FEW_NUMBERS = st.sampled_from([Decimal(text) for text in ("0", "-0.00", "1.1", "1.10", "1E+3", "123.45", "NaN")])
NUMBERS = st.none() | FEW_NUMBERS | st.decimals(allow_infinity=False, allow_nan=False, places=6)
WHOLE = st.sampled_from([0, 1, 9_999, 10_000, 120_000, 99_999_999, 100_000_000]) | st.integers(0, 10**12)
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS), max_size=60) | st.lists(
    st.tuples(TEXTS, NUMBERS, WHOLE.map(Decimal)), max_size=60
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
async def test_what_was_copied_is_what_is_stored(
    database: Database, rows: list[tuple[str, Decimal | None, Decimal | None]]
) -> None:
    numbered = [(number, *row) for number, row in enumerate(rows)]
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE TEMP TABLE copied (n int4, name text, one numeric, other numeric) ON COMMIT DROP"
        )
        await copy_rows(
            connection, "COPY copied FROM STDIN (FORMAT BINARY)", ("int4", "text", "numeric", "numeric"), numbered
        )
        cursor = await connection.execute("SELECT n, name, one, other FROM copied ORDER BY n")
        stored = await cursor.fetchall()
    assert [tuple(map(str_of, row)) for row in stored] == [tuple(map(str_of, row)) for row in numbered]


def str_of(value: object) -> object:
    """Numbers by their value, whatever their scale; NaN is only like itself."""
    return str(value.normalize() + 0) if isinstance(value, Decimal) else value
