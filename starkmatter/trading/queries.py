"""Every SQL statement of the trading room."""

ACCOUNT_FACTS = """
SELECT id, user_id, venue, broker, mode, currency, preset FROM account WHERE id = %s
"""

SUBMIT = "SELECT order_id, outcome, reason FROM submit_orders(%s::jsonb, %s)"

BOOK = "SELECT order_id, booked, status FROM book_executions(%s::jsonb, %s)"

REQUEST_CANCEL = "SELECT outcome FROM request_cancel(%s, %s, %s, %s)"

FREEZE = "UPDATE account SET frozen_reason = coalesce(frozen_reason, %s) WHERE id = %s"

_ORDER_COLUMNS = """
       o.id, 'sm-' || o.id AS client_order_id, o.account_id, o.symbol, o.side, o.type, o.qty, o.filled_qty,
       CASE WHEN o.filled_qty > 0 THEN round(o.filled_value / o.filled_qty, 6) END AS avg_price, o.limit_price,
       o.time_in_force, o.status, o.reject_reason, o.reserved, o.created_at, o.updated_at
  FROM trade_order o JOIN account a ON a.id = o.account_id
"""

ORDER_BY_ID = f"SELECT {_ORDER_COLUMNS} WHERE o.id = %(order)s AND a.user_id = %(user)s"

ORDERS = f"""
SELECT {_ORDER_COLUMNS}
 WHERE a.user_id = %(user)s AND (%(account)s::uuid IS NULL OR o.account_id = %(account)s)
   AND (%(statuses)s::text[] IS NULL OR o.status = ANY (%(statuses)s))
   AND (%(before)s::timestamptz IS NULL OR (o.created_at, o.id) < (%(before)s, %(before_id)s::uuid))
 ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s
"""

ORDER_EVENTS = """
SELECT e.sequence, e.status, e.reason, e.venue_at, e.booked_at
  FROM order_event e JOIN trade_order o ON o.id = e.order_id JOIN account a ON a.id = o.account_id
 WHERE e.order_id = %s AND a.user_id = %s ORDER BY e.sequence
"""

_FILL_COLUMNS = """
       f.id, f.order_id, f.account_id, f.symbol, f.side, f.qty, f.price, f.fees, f.realized_pl, f.executed_at,
       f.preset, f.receipt
  FROM fill f JOIN account a ON a.id = f.account_id
"""

FILL_BY_ID = f"SELECT {_FILL_COLUMNS} WHERE f.id = %(fill)s AND a.user_id = %(user)s"

FILLS = f"""
SELECT {_FILL_COLUMNS}
 WHERE a.user_id = %(user)s AND (%(account)s::uuid IS NULL OR f.account_id = %(account)s)
   AND (%(order)s::uuid IS NULL OR f.order_id = %(order)s)
   AND (%(symbol)s::text IS NULL OR f.symbol = %(symbol)s)
 ORDER BY f.executed_at DESC, f.execution DESC LIMIT %(limit)s
"""

_WORK_COLUMNS = """
       o.id, o.account_id, a.user_id, a.currency, a.preset, o.symbol, o.side, o.type,
       o.qty - o.filled_qty AS leaves_qty, o.qty, o.limit_price, o.time_in_force, o.session_on, o.status,
       o.reserve_per_share, o.submitted_venue_at, o.sequence
"""

PENDING_WORK = f"""
SELECT b.id AS outbox, b.kind, {_WORK_COLUMNS}
  FROM outbox b JOIN trade_order o ON o.id = b.order_id JOIN account a ON a.id = o.account_id
 WHERE b.venue = %s AND b.id > %s AND a.broker = 'paper' ORDER BY b.id LIMIT %s
"""

RESTING_WORK = f"""
SELECT NULL::bigint AS outbox, 'rest' AS kind, {_WORK_COLUMNS}
  FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE o.venue = %s AND a.broker = 'paper'
   AND o.status IN ('working', 'partial', 'accepted', 'unknown', 'submitting') ORDER BY o.created_at, o.id
"""

HOLDING_OF = """
SELECT h.signed_qty, h.cost_basis, h.reserved_qty FROM holding h WHERE h.account_id = %s AND h.symbol = %s
"""

FREE_CASH = "SELECT cash - reserved FROM account WHERE id = %s AND user_id = %s"
