"""Every end of an order sets free what it held: also of one that another took the place of, or that filled short.

A broker that replaces an order, or makes it smaller, ends it with shares that never filled (FIX: Replaced, Restated).
What was set aside for these stayed so for ever. And a wish to cancel an order whose change the broker is thinking over
was answered as if the order had ended: it is kept now, as for one that is halted. What was left set aside is put right.
"""

from pathlib import Path

from alembic import op

revision = "0085_ends_set_free"
down_revision = "0080_set_free_once"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
ALWAYS = """    IF v_last IN ('canceled', 'expired', 'rejected', 'not_sent') THEN
        PERFORM"""
OVER = "('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')"
ONCE = f"""    IF v_last IN ('canceled', 'expired', 'rejected', 'not_sent')
       AND v_order.status NOT IN {OVER}
    THEN
        PERFORM"""
# The last way out of a group that fills sets free what is left with its trade.
ANY_END = f"""    IF v_last IN {OVER} AND v_order.status NOT IN {OVER}
       AND (v_last <> 'filled' OR v_order.role IS NULL OR v_order.role = 'entry')
    THEN
        PERFORM"""
KEPT = "CASE WHEN v_last IN ('canceled', 'expired', 'rejected', 'not_sent') THEN 0"
KEPT_BY_NONE = "CASE WHEN v_last IN ('filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent') THEN 0"
WAITS = "'submitting', 'unknown', 'suspended', 'done_for_day'"
PUT_RIGHT = f"""
WITH ended AS (
    SELECT id, account_id, reserved FROM trade_order WHERE reserved <> 0 AND status IN ('filled', 'replaced')
), moved AS (
    UPDATE account a SET reserved = a.reserved - e.reserved
      FROM (SELECT account_id, sum(reserved) AS reserved FROM ended GROUP BY 1) AS e WHERE a.id = e.account_id
), sales AS (
    SELECT account_id, symbol, qty - filled_qty AS qty FROM trade_order
     WHERE side = 'sell' AND role IS NULL AND status NOT IN {OVER}
     UNION ALL
    SELECT account_id, symbol, group_left(group_id) FROM trade_order WHERE group_id IS NOT NULL
     GROUP BY account_id, symbol, group_id HAVING bool_or(role <> 'entry' AND status NOT IN {OVER})
), needed AS (
    SELECT h.account_id, h.symbol, coalesce(sum(s.qty), 0) AS qty
      FROM holding h LEFT JOIN sales s ON s.account_id = h.account_id AND s.symbol = h.symbol GROUP BY 1, 2
), freed AS (
    UPDATE holding h SET reserved_qty = n.qty FROM needed n
     WHERE h.account_id = n.account_id AND h.symbol = n.symbol AND h.reserved_qty <> n.qty
)
UPDATE trade_order o SET reserved = 0 FROM ended e WHERE o.id = e.id
"""


def upgrade() -> None:
    move = _function("0001_orders.sql", "move_order")
    assert ALWAYS in move
    assert KEPT in move
    _run(move.replace(ALWAYS, ANY_END).replace(KEPT, KEPT_BY_NONE))
    cancel = _function("0024_language.sql", "request_cancel")
    assert WAITS in cancel
    _run(cancel.replace(WAITS, f"{WAITS}, 'pending_replace'"))
    _run(PUT_RIGHT)


def downgrade() -> None:
    _run(_function("0001_orders.sql", "move_order").replace(ALWAYS, ONCE))
    _run(_function("0024_language.sql", "request_cancel"))


def _function(file: str, name: str) -> str:
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
