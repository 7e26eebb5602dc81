"""An order sets free what it held once, when it ends, and not again with each report that comes after.

A trade that a broker tells after the end, or a correction of one, is an event of an order that is over. A sale then
gave back the shares that it had not sold a second time: they were those that other open sales of the symbol had set
aside, which so could be sold twice. What such reports did before is put right here, for each holding by its open sales.
"""

from pathlib import Path

from alembic import op

revision = "0080_set_free_once"
down_revision = "0073_take_at_once"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0001_orders.sql"
BEGINS, ENDS = "FUNCTION move_order(", "END $$;"
ALWAYS = """    IF v_last IN ('canceled', 'expired', 'rejected', 'not_sent') THEN
        PERFORM"""
ONCE = """    IF v_last IN ('canceled', 'expired', 'rejected', 'not_sent')
       AND v_order.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
    THEN
        PERFORM"""
OVER = "('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')"
PUT_RIGHT = f"""
WITH sales AS (
    SELECT account_id, symbol, qty - filled_qty AS qty FROM trade_order
     WHERE side = 'sell' AND role IS NULL AND status NOT IN {OVER}
     UNION ALL
    SELECT account_id, symbol, group_left(group_id) FROM trade_order WHERE group_id IS NOT NULL
     GROUP BY account_id, symbol, group_id HAVING bool_or(role <> 'entry' AND status NOT IN {OVER})
), needed AS (
    SELECT h.account_id, h.symbol, coalesce(sum(s.qty), 0) AS qty
      FROM holding h LEFT JOIN sales s ON s.account_id = h.account_id AND s.symbol = h.symbol GROUP BY 1, 2
)
UPDATE holding h SET reserved_qty = n.qty FROM needed n
 WHERE h.account_id = n.account_id AND h.symbol = n.symbol AND h.reserved_qty <> n.qty
"""


def upgrade() -> None:
    former = _former()
    assert ALWAYS in former
    _run(former.replace(ALWAYS, ONCE))
    _run(PUT_RIGHT)


def downgrade() -> None:
    _run(_former())


def _former() -> str:
    text = SQL_FILE.read_text(encoding="utf-8")
    start = text.index(BEGINS)
    return "CREATE OR REPLACE " + text[start : text.index(ENDS, start)] + ENDS


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
