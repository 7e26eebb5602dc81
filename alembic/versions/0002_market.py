"""The market: instruments, sessions, bars and the replay's runs and commands."""

import sqlalchemy as sa
from alembic import op

revision = "0002_market"
down_revision = "0001_core"
branch_labels = None
depends_on = None


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _figures() -> list[sa.Column]:
    return [
        *(sa.Column(name, sa.Numeric(), nullable=False) for name in ("open", "high", "low", "close")),
        sa.Column("volume", sa.Numeric(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "instrument",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("tick_size", sa.Numeric(), nullable=False),
        sa.Column("lot_size", sa.Numeric(), nullable=False),
        sa.Column("sector", sa.String(), nullable=False),
        sa.Column("data_quality", sa.String(), nullable=False),
        sa.Column("data_note", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("data_starts_on", sa.Date(), nullable=True),
        sa.Column("data_ends_on", sa.Date(), nullable=True),
        sa.Column("tradable", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('equity', 'index')", name="instrument_kind_known"),
        sa.CheckConstraint("tick_size > 0 AND lot_size > 0", name="instrument_steps_positive"),
        sa.PrimaryKeyConstraint("symbol"),
    )
    op.create_table(
        "market_session",
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("session_on", sa.Date(), nullable=False),
        _instant("opens_at"),
        _instant("closes_at"),
        sa.CheckConstraint("closes_at > opens_at", name="market_session_in_order"),
        sa.PrimaryKeyConstraint("exchange", "session_on"),
    )
    op.create_table(
        "bar",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        _instant("starts_at"),
        _instant("ends_at"),
        *_figures(),
        sa.PrimaryKeyConstraint("venue", "symbol", "interval", "seed", "starts_at"),
    )
    op.create_table(
        "bar_forming",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        _instant("starts_at"),
        *_figures(),
        sa.PrimaryKeyConstraint("venue", "symbol", "interval"),
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "replay_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("start_on", sa.Date(), nullable=False),
        sa.Column("speed", sa.SmallInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("skip_closed", sa.Boolean(), nullable=False),
        _instant("anchor_venue_at"),
        _instant("anchor_wall_at"),
        _instant("horizon_venue_at"),
        sa.Column("configured", sa.String(), nullable=False),
        _instant("created_at"),
        _instant("ended_at", nullable=True),
        sa.CheckConstraint("speed BETWEEN 1 AND 60", name="replay_run_speed_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "replay_run_current",
        "replay_run",
        [sa.literal_column("(ended_at IS NULL)")],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "replay_command",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("start_on", sa.Date(), nullable=True),
        sa.Column("speed", sa.SmallInteger(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=True),
        sa.Column("skip_closed", sa.Boolean(), nullable=True),
        _instant("requested_at"),
        _instant("applied_at", nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("replay_command_open", "replay_command", ["id"], postgresql_where=sa.text("applied_at IS NULL"))


def downgrade() -> None:
    for table in ("replay_command", "replay_run", "bar_forming", "bar", "market_session", "instrument"):
        op.drop_table(table)
