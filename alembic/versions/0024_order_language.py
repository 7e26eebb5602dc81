"""Stops, trails, amounts, dates and hours of orders, groups and conditions; what a stop remembers; changes in place."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0024_order_language"
down_revision = "0023_fx_rates"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
PRICE = sa.Numeric(18, 6)
REFUSED = "status = 'risk_rejected'"
CHECKS = {
    "trade_order_qty_positive": f"qty > 0 OR {REFUSED}",
    "trade_order_limit_price_fits_type": f"(type IN ('limit', 'stop_limit')) = (limit_price IS NOT NULL) OR {REFUSED}",
    "trade_order_stop_price_fits_type": (
        f"type = 'trailing_stop' OR (type IN ('stop', 'stop_limit')) = (stop_price IS NOT NULL) OR {REFUSED}"
    ),
    "trade_order_group_has_roles": (
        "(group_id IS NULL) = (role IS NULL) AND (role IS NULL OR role IN ('entry', 'target', 'stop'))"
    ),
    "trade_order_condition_is_whole": "num_nonnulls(cond_symbol, cond_relation, cond_price) IN (0, 3)",
    "trade_order_trail_fits_type": (
        f"(type = 'trailing_stop') = (num_nonnulls(trail_amount, trail_percent) = 1) OR {REFUSED}"
    ),
}
FORMER = {
    "trade_order_qty_positive": "qty > 0",
    "trade_order_limit_price_fits_type": "(type = 'limit') = (limit_price IS NOT NULL)",
}


def upgrade() -> None:
    for column in _columns():
        op.add_column("trade_order", column)
    _checks(FORMER, CHECKS)
    op.create_index("trade_order_group", "trade_order", ["group_id"], postgresql_where=sa.text("group_id IS NOT NULL"))
    _run((SQL_DIR / "0024_language.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    # What the former language has no word for is not thrown away in silence.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM trade_order WHERE type NOT IN ('market', 'limit') OR notional IS NOT NULL "
        "OR qty <= 0 OR held OR group_id IS NOT NULL OR time_in_force NOT IN ('day', 'gtc')) THEN "
        "RAISE EXCEPTION 'there are orders that the former version cannot keep'; END IF; END $$"
    )
    op.execute("DROP FUNCTION replace_order(uuid, uuid, jsonb, timestamptz, timestamptz)")
    op.execute("DROP FUNCTION keep_watches(jsonb)")
    op.execute("DROP FUNCTION follow_groups(jsonb, timestamptz, timestamptz)")
    for name in ("submit_orders", "request_cancel"):
        _run(_function("0015_sharing.sql", name))
    _run(_function("0001_orders.sql", "release_reservation"))
    _run(_function("0010_booking.sql", "book_executions"))
    op.execute("DROP FUNCTION add_legs(uuid, jsonb, timestamptz)")
    op.execute("DROP FUNCTION group_left(uuid)")
    op.execute("DROP FUNCTION group_sells(uuid, uuid)")
    op.drop_index("trade_order_group", "trade_order")
    _checks(CHECKS, FORMER)
    for column in reversed(_columns()):
        op.drop_column("trade_order", column.name)


def _columns() -> list[sa.Column]:
    return [
        sa.Column("stop_price", PRICE, nullable=True),
        sa.Column("trail_amount", PRICE, nullable=True),
        sa.Column("trail_percent", PRICE, nullable=True),
        sa.Column("water", PRICE, nullable=True),
        sa.Column("triggered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notional", sa.Numeric(20, 6), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("extended_hours", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("shared_qty", sa.Numeric(24, 9), nullable=True),
        sa.Column("cond_symbol", sa.String(), nullable=True),
        sa.Column("cond_relation", sa.String(), nullable=True),
        sa.Column("cond_price", PRICE, nullable=True),
    ]


def _checks(before: dict[str, str], after: dict[str, str]) -> None:
    for name in before:
        op.drop_constraint(name, "trade_order", type_="check")
    for name, rule in after.items():
        op.create_check_constraint(name, "trade_order", rule)


def _function(file: str, name: str) -> str:
    """The former definition of a function, from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
