"""Every SQL statement about switches and the owner's own rules."""

TURN_ON = """
SELECT turn_on_stop(%(id)s, %(user)s, %(account)s, %(broker)s, %(allows_reducing)s, %(sweeps)s, %(reason)s, %(by)s,
                    %(events)s::jsonb, %(now)s)
"""

TURN_OFF = "SELECT turn_off_stop(%(stop)s, %(events)s::jsonb)"

_STOP_COLUMNS = """
       s.id, s.user_id, s.account_id, s.broker, s.allows_reducing, s.reason, s.set_by, s.set_at, s.swept_at,
       u.display_name AS set_by_name, coalesce(a.name, '') AS account_name, a.user_id AS account_owner
  FROM trading_stop s JOIN app_user u ON u.id = s.set_by LEFT JOIN account a ON a.id = s.account_id
"""

STOP = f"SELECT {_STOP_COLUMNS} WHERE s.id = %s"

# What stops the caller's accounts or those shared with them.
STOPS = f"""
SELECT {_STOP_COLUMNS}
 WHERE (s.account_id IS NULL AND (s.user_id IS NULL OR s.user_id = %(user)s))
    OR EXISTS (SELECT FROM account mine
                WHERE (s.account_id IS NULL OR s.account_id = mine.id)
                  AND (s.user_id IS NULL OR s.user_id = mine.user_id)
                  AND (mine.user_id = %(user)s OR EXISTS (
                       SELECT FROM account_share h WHERE h.account_id = mine.id AND h.user_id = %(user)s)))
 ORDER BY s.account_id NULLS FIRST, s.user_id NULLS FIRST, s.set_at
"""

UNSWEPT = f"SELECT {_STOP_COLUMNS} WHERE s.swept_at IS NULL AND s.set_at <= %s ORDER BY s.set_at"

SWEPT = "UPDATE trading_stop SET swept_at = %s WHERE id = %s AND swept_at IS NULL RETURNING id"

COVERED = """
SELECT a.id FROM account a
 WHERE (%(account)s::uuid IS NULL OR a.id = %(account)s) AND (%(user)s::uuid IS NULL OR a.user_id = %(user)s)
   AND (%(broker)s::text IS NULL OR a.broker = %(broker)s) AND a.closed_at IS NULL
 ORDER BY a.id
"""

CANCEL_OPEN = """
SELECT order_id, owner_id, account_id, venue, symbol, status
  FROM cancel_open_orders(%(accounts)s::uuid[], %(clocks)s::jsonb, %(limit)s, %(now)s)
"""

# Accounts on which the caller may have orders taken back: theirs, and those shared with them to trade on.
MAY_CANCEL = """
SELECT a.id FROM account a
 WHERE (a.user_id = %(user)s OR (%(trades)s AND may_trade(a.id, %(user)s)))
   AND (%(account)s::uuid IS NULL OR a.id = %(account)s) AND a.closed_at IS NULL
 ORDER BY a.id
"""

BROKERS = """
SELECT DISTINCT broker FROM account WHERE closed_at IS NULL AND (%(user)s::uuid IS NULL OR user_id = %(user)s)
"""

GUARD_WORDS = """
SELECT g.words, g.needs_marks FROM account a, guard_words(a, %(order)s::jsonb) g WHERE a.id = %(account)s AND a.guarded
"""

STOPPED = """
SELECT stop_words(a.id, %(symbol)s, %(side)s, %(qty)s, %(order)s) FROM account a WHERE a.id = %(account)s AND a.guarded
"""

HELD_SYMBOLS = "SELECT symbol FROM holding WHERE account_id = %s AND signed_qty <> 0"

SESSION_OPEN = "SELECT opens_at FROM market_session WHERE exchange = 'XNYS' AND session_on = %s"

RULES = """
SELECT r.kind, r.value, r.loosens_to, r.loosens_at, r.account_id, coalesce(a.name, '') AS account_name,
       clock_timestamp() AS now
  FROM trading_rule r LEFT JOIN account a ON a.id = r.account_id
 WHERE r.user_id = %(user)s AND (%(account)s::uuid IS NULL OR r.account_id IS NULL OR r.account_id = %(account)s)
 ORDER BY r.account_id NULLS FIRST, r.kind
"""

LOCK_COVERED = "SELECT lock_covered(%(user)s, %(account)s, NULL)"

RULE = """
SELECT r.value, r.loosens_to, r.loosens_at FROM trading_rule r
 WHERE r.user_id = %(user)s AND r.account_id IS NOT DISTINCT FROM %(account)s AND r.kind = %(kind)s
"""

DATABASE_NOW = "SELECT clock_timestamp()"

PUT_RULE = """
INSERT INTO trading_rule (id, user_id, account_id, kind, value, loosens_to, loosens_at, updated_at)
VALUES (%(id)s, %(user)s, %(account)s, %(kind)s, %(value)s, %(loosens_to)s, %(loosens_at)s, %(now)s)
    ON CONFLICT (user_id, account_id, kind) DO UPDATE
   SET value = excluded.value, loosens_to = excluded.loosens_to, loosens_at = excluded.loosens_at,
       updated_at = excluded.updated_at
"""

DROP_RULE = """
DELETE FROM trading_rule
 WHERE user_id = %(user)s AND account_id IS NOT DISTINCT FROM %(account)s AND kind = %(kind)s
"""

GUARD_COVERED = "SELECT guard_covered(%(user)s, %(account)s, NULL)"

OWNS = "SELECT name FROM account WHERE id = %s AND user_id = %s"

SENT_LATELY = """
SELECT o.created_at FROM trade_order o
 WHERE o.account_id = %(account)s AND o.symbol = %(symbol)s AND o.side = %(side)s
   AND (o.qty = %(qty)s OR o.notional = %(notional)s) AND o.created_at > %(since)s
   AND o.status NOT IN ('risk_rejected', 'canceled', 'expired', 'rejected', 'not_sent')
 ORDER BY o.created_at DESC LIMIT 1
"""

FILLS_SINCE = """
SELECT symbol, side, qty, CASE side WHEN 'buy' THEN -1 ELSE 1 END * qty * price - fees AS cash, realized_pl, executed_at
  FROM fill WHERE account_id = %s AND executed_at > %s ORDER BY executed_at, execution
"""

CASH = "SELECT cash FROM account WHERE id = %s"

HELD = "SELECT symbol, signed_qty, cost_basis FROM holding WHERE account_id = %s AND signed_qty <> 0"

# What was paid in and out of cash without a trade, by the instant.
PAID_SINCE = """
SELECT e.venue_at, sum(leg.amount) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
 WHERE e.account_id = %s AND e.kind <> 'fill' AND e.venue_at > %s AND leg.account = 'assets:cash'
 GROUP BY e.id
"""

EMERGENCY_ACCOUNTS = """
SELECT a.id, a.name, a.broker, a.venue, a.mode, a.currency, a.cash, a.reserved, u.display_name AS owner_name,
       a.user_id = %(user)s AS mine, a.frozen_reason, coalesce(k.state, '') AS state, coalesce(k.words, '') AS words,
       k.checked_at
  FROM account a JOIN app_user u ON u.id = a.user_id
  LEFT JOIN broker_account k ON k.account_id = a.id AND k.closed_at IS NULL
 WHERE (a.user_id = %(user)s OR (%(trades)s AND may_trade(a.id, %(user)s))) AND a.closed_at IS NULL
 ORDER BY a.user_id <> %(user)s, a.created_at DESC
"""

EMERGENCY_POSITIONS = """
SELECT account_id, symbol, signed_qty, cost_basis FROM holding
 WHERE account_id = ANY (%s) AND signed_qty <> 0 ORDER BY symbol
"""

WORKER_LEADS = """
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                  AND l.classid::bigint = %(high)s AND l.objid::bigint = %(low)s)
"""

QUEUED_CANCELS = """
SELECT count(*) FROM outbox b JOIN trade_order o ON o.id = b.order_id
 WHERE b.kind = 'cancel' AND o.account_id = ANY (%s)
"""
