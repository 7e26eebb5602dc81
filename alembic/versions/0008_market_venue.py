"""The wall-clock market: instruments of two venues side by side, and how far each symbol's bars were fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0008_market_venue"
down_revision = "0007_alerts"
branch_labels = None
depends_on = None


def _instant(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _kinds(*known: str) -> None:
    op.drop_constraint("instrument_kind_known", "instrument")
    listed = ", ".join(f"'{kind}'" for kind in known)
    op.create_check_constraint("instrument_kind_known", "instrument", f"kind IN ({listed})")


def upgrade() -> None:
    op.add_column("instrument", sa.Column("venue", sa.String(), nullable=False, server_default="replay"))
    op.drop_constraint("instrument_pkey", "instrument")
    op.create_primary_key("instrument_pkey", "instrument", ["venue", "symbol"])
    _kinds("equity", "etf", "index")
    op.create_table(
        "bar_coverage",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        _instant("fetched_at"),
        _instant("until_at"),
        sa.Column("provider", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "interval"),
    )


def downgrade() -> None:
    op.drop_table("bar_coverage")
    op.execute("DELETE FROM instrument WHERE venue <> 'replay'")
    _kinds("equity", "index")
    op.drop_constraint("instrument_pkey", "instrument")
    op.create_primary_key("instrument_pkey", "instrument", ["symbol"])
    op.drop_column("instrument", "venue")
