"""One condition of the order's table asks a function for what seven conditions said.

The rules and their names stay. A condition of a table is kept as text that every statement which writes a row reads and
prepares anew; for an order by itself that was a sixth of what storing it cost in the database.
"""

from pathlib import Path

from alembic import op

revision = "0071_order_is_sound"
down_revision = "0070_batch_checks"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0071_sound.sql"
REFUSED = "status = 'risk_rejected'"
FORMER = {
    "trade_order_filled_within_qty": "filled_qty >= 0 AND filled_qty <= qty",
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
COLUMNS = (
    "status, qty, filled_qty, type, limit_price, stop_price, trail_amount, trail_percent, group_id, role, cond_symbol, "
    "cond_relation, cond_price"
)


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL_FILE.read_text(encoding="utf-8").replace("%", "%%"))
    op.create_check_constraint("trade_order_is_sound", "trade_order", f"order_is_sound({COLUMNS})")
    for name in FORMER:
        op.drop_constraint(name, "trade_order", type_="check")


def downgrade() -> None:
    for name, condition in FORMER.items():
        op.create_check_constraint(name, "trade_order", condition)
    op.drop_constraint("trade_order_is_sound", "trade_order", type_="check")
    op.execute(
        "DROP FUNCTION order_is_sound(text, numeric, numeric, text, numeric, numeric, numeric, numeric, uuid, text, "
        "text, text, numeric)"
    )
