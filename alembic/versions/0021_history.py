"""Bars and ticks of the wall-clock market in partitions of time, or in TimescaleDB's hypertables; holes in the bars."""

from pathlib import Path

import sqlalchemy as sa
from alembic import context, op

revision = "0021_history"
down_revision = "0020_markets"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
SPANS = {"1h": "year", "15m": "month", "5m": "month", "1m": "month"}
BAR = """
CREATE TABLE {name} (
    venue varchar NOT NULL, symbol varchar NOT NULL, interval varchar NOT NULL, seed integer NOT NULL,
    starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    open numeric NOT NULL, high numeric NOT NULL, low numeric NOT NULL, close numeric NOT NULL, volume numeric,
    provider varchar NOT NULL, note varchar,
    CONSTRAINT bar_pkey PRIMARY KEY (venue, symbol, interval, seed, starts_at)
) {how}
"""
TICK = """
CREATE TABLE tick (
    venue varchar NOT NULL, symbol varchar NOT NULL, at timestamptz NOT NULL, received_at timestamptz NOT NULL,
    last numeric NOT NULL, bid numeric, ask numeric, volume numeric, condition varchar NOT NULL,
    provider varchar NOT NULL,
    CONSTRAINT tick_pkey PRIMARY KEY (venue, symbol, at, provider)
) {how}
"""
HYPERTABLES = (
    "SELECT create_hypertable('bar', by_range('starts_at', INTERVAL '90 days'))",
    "ALTER TABLE bar SET (timescaledb.compress, timescaledb.compress_segmentby = 'venue, symbol, interval, seed',"
    " timescaledb.compress_orderby = 'starts_at')",
    "SELECT add_compression_policy('bar', INTERVAL '180 days')",
    "SELECT create_hypertable('tick', by_range('at', INTERVAL '1 day'))",
    "ALTER TABLE tick SET (timescaledb.compress, timescaledb.compress_segmentby = 'venue, symbol',"
    " timescaledb.compress_orderby = 'at')",
    "SELECT add_compression_policy('tick', INTERVAL '2 days')",
)


def _has_timescale() -> bool:
    """Whether the database has the extension; `-x timescale=on|off` says so instead, for what is only printed."""
    told = context.get_x_argument(as_dictionary=True).get("timescale")
    if told is not None or context.is_offline_mode():
        return told == "on"
    found = op.get_bind().execute(sa.text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"))
    return bool(found.scalar())


def upgrade() -> None:
    op.execute("ALTER TABLE bar RENAME TO bar_before")
    op.execute("ALTER INDEX bar_pkey RENAME TO bar_before_pkey")
    op.execute((SQL / "0021_room.sql").read_text(encoding="utf-8"))
    if _has_timescale():
        op.execute(BAR.format(name="bar", how=""))
        op.execute(TICK.format(how=""))
        for statement in HYPERTABLES:
            op.execute(statement)
    else:
        _partitions()
    op.execute("CREATE INDEX tick_at ON tick USING brin (at)")
    op.execute("INSERT INTO bar SELECT * FROM bar_before ORDER BY venue, symbol, interval, seed, starts_at")
    op.execute("DROP TABLE bar_before")
    op.create_table(
        "bar_gap",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name="bar_gap_in_order"),
        sa.PrimaryKeyConstraint("symbol", "interval", "starts_at"),
    )


def _partitions() -> None:
    """The replay's bars in one table; the market's by interval, those inside a day by time as well."""
    op.execute(BAR.format(name="bar", how="PARTITION BY LIST (venue)"))
    op.execute("CREATE TABLE bar_replay PARTITION OF bar FOR VALUES IN ('replay')")
    op.execute("CREATE TABLE bar_market PARTITION OF bar FOR VALUES IN ('market') PARTITION BY LIST (interval)")
    op.execute("CREATE TABLE bar_market_1d PARTITION OF bar_market FOR VALUES IN ('1d')")
    for interval, span in SPANS.items():
        name = f"bar_market_{interval}"
        op.execute(
            f"CREATE TABLE {name} PARTITION OF bar_market FOR VALUES IN ('{interval}') PARTITION BY RANGE (starts_at)"
        )
        op.execute(f"CREATE INDEX {name}_at ON {name} USING brin (starts_at)")
        op.execute(
            f"SELECT make_room('{name}', '{span}', min(starts_at), max(starts_at)) FROM bar_before"
            f" WHERE venue = 'market' AND interval = '{interval}' HAVING count(*) > 0"
        )
    op.execute(TICK.format(how="PARTITION BY RANGE (at)"))


def downgrade() -> None:
    op.drop_table("bar_gap")
    op.drop_table("tick")
    op.execute("ALTER TABLE bar RENAME TO bar_parted")
    op.execute("ALTER INDEX bar_pkey RENAME TO bar_parted_pkey")
    op.execute(BAR.format(name="bar", how=""))
    op.execute("INSERT INTO bar SELECT * FROM bar_parted ORDER BY venue, symbol, interval, seed, starts_at")
    op.drop_table("bar_parted")
    op.execute("DROP FUNCTION make_room(text, text, timestamptz, timestamptz)")
    op.execute("DROP FUNCTION drop_room(text, timestamptz)")
