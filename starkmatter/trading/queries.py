"""Every SQL statement of the trading room."""

from starkmatter.accounts.sharing.queries import MAY_SEE

ACCOUNT_FACTS = """
SELECT id, user_id, venue, broker, mode, currency, preset, kind FROM account WHERE id = %s
"""

SUBMIT = "SELECT order_id, outcome, reason FROM submit_orders(%s::jsonb, %s)"

KEEP_WATCHES = "SELECT keep_watches(%s::jsonb)"

REPLACE = "SELECT outcome, reason FROM replace_order(%s, %s, %s::jsonb, %s, %s)"

BOOK = "SELECT order_id, booked, status FROM book_executions(%s::jsonb, %s)"

REQUEST_CANCEL = "SELECT outcome FROM request_cancel(%s, %s, %s, %s)"

FREEZE = "UPDATE account SET frozen_reason = %s WHERE id = %s AND frozen_reason IS NULL"

_ORDER_COLUMNS = """
       o.id, 'sm-' || o.id AS client_order_id, o.account_id, o.symbol, o.side, o.type, o.qty, o.filled_qty,
       CASE WHEN o.filled_qty > 0 THEN round(o.filled_value / o.filled_qty, 6) END AS avg_price, o.limit_price,
       o.time_in_force, o.status, o.reject_reason, o.reserved, o.created_at, o.updated_at, o.stop_price, o.trail_amount,
       o.trail_percent, o.water, o.triggered_at, o.notional, o.expires_on, o.extended_hours, o.revision, o.group_id,
       o.role, o.held, o.cond_symbol, o.cond_relation, o.cond_price, o.allow_short
  FROM trade_order o JOIN account a ON a.id = o.account_id
"""

ORDER_BY_ID = f"SELECT {_ORDER_COLUMNS} WHERE o.id = %(order)s AND {MAY_SEE}"

ORDERS = f"""
SELECT {_ORDER_COLUMNS}
 WHERE {MAY_SEE} AND (%(account)s::uuid IS NULL OR o.account_id = %(account)s)
   AND (%(statuses)s::text[] IS NULL OR o.status = ANY (%(statuses)s))
   AND (%(before)s::timestamptz IS NULL OR (o.created_at, o.id) < (%(before)s, %(before_id)s::uuid))
 ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s
"""

ORDER_EVENTS = f"""
SELECT e.sequence, e.status, e.reason, e.venue_at, e.booked_at
  FROM order_event e JOIN trade_order o ON o.id = e.order_id JOIN account a ON a.id = o.account_id
 WHERE e.order_id = %(order)s AND {MAY_SEE} ORDER BY e.sequence
"""

_FILL_COLUMNS = """
       f.id, f.order_id, f.account_id, f.symbol, f.side, f.qty, f.price, f.fees, f.realized_pl, f.executed_at,
       f.preset,
       CASE WHEN EXISTS (SELECT FROM fill_change c WHERE c.order_id = f.order_id)
            THEN f.receipt || jsonb_build_object('taken_back', (
                     SELECT jsonb_agg(c.words ORDER BY c.booked_at) FROM fill_change c WHERE c.order_id = f.order_id))
            ELSE f.receipt END AS receipt
  FROM fill f JOIN account a ON a.id = f.account_id
"""

FILL_BY_ID = f"SELECT {_FILL_COLUMNS} WHERE f.id = %(fill)s AND {MAY_SEE}"

FILLS = f"""
SELECT {_FILL_COLUMNS}
 WHERE {MAY_SEE} AND (%(account)s::uuid IS NULL OR f.account_id = %(account)s)
   AND (%(order)s::uuid IS NULL OR f.order_id = %(order)s)
   AND (%(symbol)s::text IS NULL OR f.symbol = %(symbol)s)
 ORDER BY f.executed_at DESC, f.execution DESC LIMIT %(limit)s
"""

_WORK_COLUMNS = """
       o.id, o.account_id, a.user_id, a.currency, a.preset, o.symbol, o.side, o.type,
       o.qty - o.filled_qty AS leaves_qty, o.qty, o.limit_price, o.time_in_force, o.session_on, o.status,
       o.reserve_per_share, o.submitted_venue_at, o.sequence, o.filled_qty, o.filled_value, o.stop_price,
       o.trail_amount, o.trail_percent, o.water, o.triggered_at, o.notional, o.expires_on, o.extended_hours, o.revision,
       o.group_id, o.role, o.held, o.cond_symbol, o.cond_relation, o.cond_price, o.reserved,
       a.kind = 'margin' AS lends, o.opens
"""

# The first rows are found before anything is joined: in a burst there are thousands behind them.
PENDING_WORK = f"""
SELECT b.id AS outbox, b.kind, {_WORK_COLUMNS},
       CASE WHEN a.guarded THEN stop_words(a.id, o.symbol, o.side, o.qty - o.filled_qty, o.id) END AS stopped
  FROM (SELECT id, kind, order_id FROM outbox
         WHERE venue = %s AND id > %s
           AND (SELECT a.broker FROM trade_order o JOIN account a ON a.id = o.account_id
                 WHERE o.id = outbox.order_id) = 'paper'
         ORDER BY id LIMIT %s) b
  JOIN trade_order o ON o.id = b.order_id JOIN account a ON a.id = o.account_id ORDER BY b.id
"""

RESTING_WORK = f"""
SELECT NULL::bigint AS outbox, 'rest' AS kind, {_WORK_COLUMNS}
  FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE o.venue = %s AND a.broker = 'paper'
   AND (o.status IN ('working', 'partial', 'accepted', 'unknown', 'submitting') AND NOT o.held
        OR o.status = 'pending_submit' AND o.held AND o.cond_symbol IS NOT NULL) ORDER BY o.created_at, o.id
"""

WORK_OF = f"""
SELECT NULL::bigint AS outbox, 'rest' AS kind, {_WORK_COLUMNS}
  FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE o.id = ANY (%s) AND o.status IN ('working', 'partial', 'accepted', 'pending_cancel') AND NOT o.held
"""

OPEN_GROUPS = """
SELECT DISTINCT o.group_id FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE o.group_id IS NOT NULL AND o.venue = %s AND a.broker = 'paper'
   AND o.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
"""

GROUP_MEMBERS = """
SELECT id, group_id, role, qty, filled_qty, status, held, shared_qty FROM trade_order WHERE group_id = ANY (%s)
"""

FOLLOW_GROUPS = "SELECT follow_groups(%s::jsonb, %s, %s)"

HOLDING_OF = """
SELECT h.signed_qty, h.cost_basis, h.reserved_qty FROM holding h WHERE h.account_id = %s AND h.symbol = %s
"""

# What fills of the last days moved, by the exchange's day, purchases and sales apart.
TRADED_LATELY = """
SELECT account_id, (executed_at AT TIME ZONE %(zone)s)::date AS traded_on,
       sum(CASE side WHEN 'buy' THEN -qty * price ELSE qty * price END - fees) AS cash
  FROM fill WHERE account_id = ANY (%(accounts)s) AND executed_at > %(since)s
 GROUP BY account_id, traded_on, side ORDER BY traded_on
"""

SESSIONS_AROUND = """
SELECT session_on, opens_at, closes_at FROM market_session
 WHERE exchange = %(exchange)s AND session_on BETWEEN %(first)s AND %(last)s ORDER BY session_on
"""

CASH_OF = "SELECT cash FROM account WHERE id = %s"

FREE_CASH = "SELECT cash - reserved FROM account WHERE id = %s"

# What accounts of the venue hold or have ordered; NULL stands for an account without either.
IN_PLAY = """
SELECT DISTINCT used.symbol FROM account a
  LEFT JOIN LATERAL (
       SELECT h.symbol FROM holding h WHERE h.account_id = a.id AND h.signed_qty <> 0 AND a.broker <> 'tracked'
       UNION
       SELECT unnest(ARRAY[o.symbol, o.cond_symbol]) FROM trade_order o
        WHERE o.account_id = a.id
          AND o.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
  ) AS used ON true
 WHERE a.venue = %s AND a.closed_at IS NULL
"""

# What is held elsewhere, as far as the venue knows it, the dearest first: files name what they like.
TRACKED_IN_PLAY = """
SELECT h.symbol FROM holding h JOIN account a ON a.id = h.account_id
 WHERE a.venue = %s AND a.broker = 'tracked' AND a.closed_at IS NULL AND h.signed_qty <> 0
   AND EXISTS (SELECT FROM instrument i WHERE i.venue = a.venue AND i.symbol = h.symbol)
 GROUP BY h.symbol ORDER BY max(abs(h.cost_basis)) DESC LIMIT 500
"""

INSERT_ENTRY = """
INSERT INTO ledger_entry (account_id, kind, description, order_id, fill_id, venue_at, booked_at, accounts, commodities,
                          amounts)
VALUES (%(account)s, %(kind)s, %(description)s, %(order)s, %(fill)s, %(venue_at)s, %(now)s, %(accounts)s,
        %(commodities)s, %(amounts)s::numeric[]) RETURNING id
"""

# The next entries in the order of time, each with a number of the journal's own.
BOOK_IMPORTED = """
WITH next AS (
    SELECT import_id, place, part, fingerprint, nextval(pg_get_serial_sequence('ledger_entry', 'id')) AS id
      FROM (SELECT import_id, place, part, fingerprint FROM import_booking
             WHERE import_id = %(import)s AND turn >= %(from)s AND turn < %(to)s ORDER BY turn, part) ordered
), written AS (
    INSERT INTO ledger_entry (id, account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts,
                              reverses)
    SELECT n.id, b.account_id, b.kind, b.description, b.venue_at, %(now)s, b.accounts, b.commodities, b.amounts,
           CASE WHEN b.reverses IS NOT NULL THEN coalesce(
                (SELECT x.id FROM next x WHERE x.fingerprint = b.reverses),
                (SELECT o.entry_id FROM import_booking o
                  WHERE o.account_id = b.account_id AND o.fingerprint = b.reverses AND o.part = 0
                    AND o.entry_id IS NOT NULL AND NOT o.undone)) END
      FROM next n JOIN import_booking b USING (import_id, place, part) ORDER BY n.id
    RETURNING id
)
UPDATE import_booking b SET entry_id = n.id FROM next n
 WHERE b.import_id = n.import_id AND b.place = n.place AND b.part = n.part
   AND EXISTS (SELECT FROM written w WHERE w.id = n.id)
"""

# An entry against each of the newest that stand: the same legs with the other sign, at the same instant.
REVERSE_IMPORTED = """
WITH done AS (
    SELECT b.place, b.part, b.entry_id FROM import_booking b
     WHERE b.import_id = %(import)s AND b.entry_id IS NOT NULL AND NOT b.undone ORDER BY b.turn DESC, b.part DESC
     LIMIT %(limit)s
), written AS (
    INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts,
                              reverses)
    SELECT e.account_id, e.kind, 'Taken back: ' || e.description, e.venue_at, %(now)s, e.accounts, e.commodities,
           (SELECT array_agg(-amount ORDER BY place) FROM unnest(e.amounts) WITH ORDINALITY AS leg (amount, place)),
           e.id
      FROM done d JOIN ledger_entry e ON e.id = d.entry_id
     WHERE e.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id) ORDER BY e.id DESC
)
UPDATE import_booking b SET undone = true FROM done d
 WHERE b.import_id = %(import)s AND b.place = d.place AND b.part = d.part
"""
