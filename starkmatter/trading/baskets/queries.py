"""Every SQL statement about baskets."""

from starkmatter.accounts.sharing.queries import MAY_SEE

INSERT = """
INSERT INTO basket (id, account_id, made_by, source, name, created_at)
VALUES (%(id)s, %(account)s, %(user)s, %(source)s, %(name)s, %(now)s)
"""

INSERT_LINE = """
INSERT INTO basket_line (basket_id, place, account_id, symbol, side, type, qty, limit_price, time_in_force, order_id)
VALUES (%(basket)s, %(place)s, %(account)s, %(symbol)s, %(side)s, %(type)s, %(qty)s, %(limit_price)s,
        %(time_in_force)s, %(order)s)
"""

DELETE_LINES = "DELETE FROM basket_line WHERE basket_id = %s"

_HEAD = """
SELECT k.id, k.account_id, k.made_by, k.source, k.name, k.created_at, k.sent_at, k.closed_at, a.name AS account_name,
       u.display_name AS made_by_name, a.user_id = %(user)s OR may_trade(a.id, %(user)s) AS may_send
  FROM basket k JOIN account a ON a.id = k.account_id JOIN app_user u ON u.id = k.made_by
"""

ONE = f"{_HEAD} WHERE k.id = %(basket)s AND {MAY_SEE}"

LIST = f"""
{_HEAD} WHERE {MAY_SEE} AND (%(account)s::uuid IS NULL OR k.account_id = %(account)s)
 ORDER BY k.created_at DESC, k.id LIMIT %(limit)s
"""

# Whether a line became an order is read from the orders: nothing else can be wrong about it.
LINES = """
SELECT l.basket_id, l.place, l.symbol, l.side, l.type, l.qty, l.limit_price, l.time_in_force, l.order_id, l.words,
       l.tried_at, o.status, o.filled_qty,
       CASE WHEN o.filled_qty > 0 THEN round(o.filled_value / o.filled_qty, 6) END AS avg_price, o.reject_reason
  FROM basket_line l LEFT JOIN trade_order o ON o.id = l.order_id AND o.account_id = l.account_id
 WHERE l.basket_id = ANY (%s) ORDER BY l.basket_id, l.place
"""

# How far a price may move between a look and what it leads to: the same as for approvals.
DRIFT = "SELECT approval_drift_pct FROM account WHERE id = %s"

COUNT_DRAFTS = "SELECT count(*) FROM basket WHERE account_id = %s AND sent_at IS NULL"

LOCK = "SELECT sent_at, closed_at FROM basket WHERE id = %s FOR UPDATE"

MARK_SENT = "UPDATE basket SET sent_at = coalesce(sent_at, %(now)s), sent_by = %(user)s WHERE id = %(basket)s"

CLOSE = "UPDATE basket SET closed_at = %(now)s WHERE id = %(basket)s AND sent_at IS NOT NULL AND closed_at IS NULL"

DELETE = "DELETE FROM basket WHERE id = %s"

SAY = "UPDATE basket_line SET words = %(words)s, tried_at = %(now)s WHERE basket_id = %(basket)s AND place = %(place)s"

STATUSES = "SELECT status FROM trade_order WHERE id = ANY (%s)"
