"""Every SQL statement about orders and accounts at real brokers."""

from starkmatter.accounts.sharing.queries import MAY_SEE

_BROKERED_COLUMNS = """
       o.id, o.account_id, a.user_id, a.currency, o.symbol, o.side, o.type, o.qty, o.limit_price, o.time_in_force,
       o.session_on, o.status, o.sequence, o.filled_qty, o.filled_value, o.reserved, o.reserve_per_share,
       o.cancel_requested_at, o.created_at, o.stop_price, o.trail_amount, o.trail_percent, o.notional, o.expires_on,
       o.extended_hours, o.group_id, o.role, o.cond_symbol, o.cond_relation, o.cond_price
  FROM trade_order o JOIN account a ON a.id = o.account_id
"""

LOCK_BROKERED = f"SELECT {_BROKERED_COLUMNS} WHERE o.id = %s FOR UPDATE OF o"

# An order and those that belong to it.
MEMBERS = f"SELECT {_BROKERED_COLUMNS} WHERE o.id = %(order)s OR o.group_id = %(order)s ORDER BY o.id"

LOCK_MEMBERS = f"{MEMBERS} FOR UPDATE OF o"

# What belongs to a group is sent with its first order, which alone is still in the outbox.
SENT_WITH_FIRST = """
WITH woken AS (UPDATE trade_order SET held = false WHERE (id = %(first)s OR group_id = %(first)s) AND held)
DELETE FROM outbox WHERE kind IN ('submit', 'wait') AND order_id <> %(first)s
   AND order_id IN (SELECT id FROM trade_order WHERE group_id = %(first)s)
"""

# What the ways out of a group may still sell, and whether one of them but this one may still fill.
GROUP_ROOM = "SELECT group_left(%(group)s), group_sells(%(group)s, %(order)s)"

OPEN_BROKERED = f"""
SELECT {_BROKERED_COLUMNS}
 WHERE o.account_id = %(account)s
   AND o.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
 ORDER BY o.created_at, o.id
"""

LOCK_ACCOUNT = "SELECT 1 FROM account WHERE id = %s FOR NO KEY UPDATE"

LOCK_HOLDING = """
SELECT signed_qty, cost_basis, realized_pl FROM holding WHERE account_id = %s AND symbol = %s FOR UPDATE
"""

PUT_HOLDING = """
INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%(account)s, %(symbol)s, %(qty)s, %(cost_basis)s, %(realized_pl)s, greatest(-%(release_qty)s, 0), %(at)s,
        %(at)s)
    ON CONFLICT (account_id, symbol) DO UPDATE
   SET signed_qty = excluded.signed_qty, cost_basis = excluded.cost_basis, realized_pl = excluded.realized_pl,
       reserved_qty = h.reserved_qty - %(release_qty)s, updated_at = excluded.updated_at,
       opened_at = CASE WHEN %(opened)s THEN excluded.opened_at ELSE h.opened_at END
"""

MOVE_CASH = """
UPDATE account SET cash = cash + %(cash)s, reserved = reserved - %(release)s WHERE id = %(account)s
"""

FILL_ORDER = """
UPDATE trade_order
   SET filled_qty = filled_qty + %(qty)s, filled_value = filled_value + %(value)s, reserved = reserved - %(release)s,
       updated_at = %(now)s,
       qty = CASE WHEN notional IS NOT NULL AND (%(ends)s OR filled_qty + %(qty)s > qty) THEN filled_qty + %(qty)s
                  ELSE qty END
 WHERE id = %(order)s
"""

INSERT_FILL = """
INSERT INTO fill (id, order_id, execution, account_id, symbol, side, qty, price, fees, realized_pl, executed_at,
                  booked_at, preset, receipt)
VALUES (%(id)s, %(order)s, %(execution)s, %(account)s, %(symbol)s, %(side)s, %(qty)s, %(price)s, 0, %(realized_pl)s,
        %(at)s, %(now)s, 'broker', %(receipt)s::jsonb)
"""

MOVE_ORDER = "SELECT move_order(%(order)s, %(steps)s::text[], %(from)s::text[], %(reason)s, %(at)s, %(now)s)"

NOTE_REPORT = """
INSERT INTO broker_order AS b (order_id, broker_order_id, status_text, fence, claimed_at, reported_at, told_qty,
                               told_value, told_status)
VALUES (%(order)s, %(broker_order_id)s, %(status_text)s, 0, %(now)s, %(at)s, %(qty)s, %(value)s, %(status)s)
    ON CONFLICT (order_id) DO UPDATE
   SET broker_order_id = excluded.broker_order_id, status_text = excluded.status_text, look_at = NULL,
       reported_at = greatest(b.reported_at, excluded.reported_at),
       told_qty = CASE WHEN b.reported_at > excluded.reported_at THEN b.told_qty ELSE excluded.told_qty END,
       told_value = CASE WHEN b.reported_at > excluded.reported_at THEN b.told_value ELSE excluded.told_value END,
       told_status = CASE WHEN b.reported_at > excluded.reported_at THEN b.told_status ELSE excluded.told_status END
"""

# What the broker's newest report says of an order in all; no row when none is newer than that instant of the broker's.
TOLD_LATER = """
SELECT told_qty, told_value, told_status FROM broker_order
 WHERE order_id = %(order)s AND reported_at > %(at)s AND told_qty IS NOT NULL
"""

KNOWN_CHANGE = "SELECT 1 FROM fill_change WHERE account_id = %(account)s AND execution_id = %(execution)s"

# Cash that an order's entries moved, what it realized, and whether others sold of the symbol since its first fill.
BOOKED_OF_ORDER = """
SELECT coalesce((SELECT sum(leg.amount) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
                  WHERE e.order_id = %(order)s AND leg.account = 'assets:cash'), 0),
       coalesce((SELECT sum(realized_pl) FROM fill WHERE order_id = %(order)s), 0)
       + coalesce((SELECT sum(realized_change) FROM fill_change WHERE order_id = %(order)s), 0),
       EXISTS (SELECT FROM fill f
                WHERE f.account_id = %(account)s AND f.symbol = %(symbol)s AND f.order_id <> %(order)s
                  AND f.side = 'sell'
                  AND f.booked_at >= (SELECT min(booked_at) FROM fill WHERE order_id = %(order)s))
"""

# How many trades of an order were taken back or corrected, and when the newest.
CHANGES = "SELECT count(*), max(happened_at) FROM fill_change WHERE order_id = %s"

CHANGE_HOLDING = """
UPDATE holding SET signed_qty = signed_qty + %(qty)s, cost_basis = cost_basis + %(cost)s,
       realized_pl = realized_pl + %(realized)s, updated_at = %(now)s
 WHERE account_id = %(account)s AND symbol = %(symbol)s
"""

PUT_CHANGE = """
INSERT INTO fill_change (account_id, execution_id, order_id, qty_change, value_change, realized_change, words, entry_id,
                         happened_at, booked_at)
VALUES (%(account)s, %(execution)s, %(order)s, %(qty)s, %(value)s, %(realized)s, %(words)s, %(entry)s, %(at)s, %(now)s)
"""

DROP_OUTBOX = "DELETE FROM outbox WHERE order_id = %s"

# It has arrived, so nothing is left to send; of a group, once that is known of every order.
DROP_ARRIVED = """
DELETE FROM outbox b USING trade_order o
 WHERE o.id = %s AND b.order_id = coalesce(o.group_id, o.id) AND b.kind IN ('submit', 'wait')
   AND NOT EXISTS (SELECT FROM trade_order m WHERE m.group_id = o.group_id AND m.status IN ('submitting', 'unknown'))
"""

# By the house itself: nobody's key is behind it.
ASK_BACK = """
INSERT INTO outbox (kind, order_id, venue, created_at)
SELECT 'cancel', o.id, o.venue, %(now)s FROM trade_order o
 WHERE o.id = %(order)s AND NOT EXISTS (SELECT FROM outbox b WHERE b.order_id = o.id AND b.kind = 'cancel')
"""

DROP_ENDED = "DELETE FROM outbox WHERE order_id = %s AND kind NOT IN ('submit', 'wait')"

DROP_GROUP = "DELETE FROM outbox WHERE order_id = %s AND kind = 'group'"

DROP_CANCEL = "DELETE FROM outbox WHERE order_id = %s AND kind = 'cancel'"

# What the worker has to do for one account at a broker, oldest first.
# In the order of the outbox, but what came too late to be sent at all comes last and in small portions: a crowd of such
# orders would else keep every new one waiting until it is too late as well.
BROKER_WORK = """
SELECT w.kind, w.order_id, w.first_id, w.status, w.broker_order_id, w.look_at
  FROM (SELECT told.*, row_number() OVER (PARTITION BY told.late ORDER BY told.id) AS place
          FROM (SELECT b.id, b.kind, b.order_id, coalesce(o.group_id, o.id) AS first_id, o.status, k.broker_order_id,
                       k.look_at,
                       o.status = 'pending_submit' AND o.id = coalesce(o.group_id, o.id) AND b.kind = 'submit'
                       AND o.created_at < CASE o.type WHEN 'market' THEN %(market_since)s ELSE %(other_since)s END
                       AS late
                  FROM outbox b JOIN trade_order o ON o.id = b.order_id
                  LEFT JOIN broker_order k ON k.order_id = b.order_id
                 WHERE o.account_id = %(account)s) AS told) AS w
 WHERE w.place <= CASE WHEN w.late THEN 20 ELSE 100 END ORDER BY w.late, w.id
"""

CLAIM = """
INSERT INTO broker_order AS b (order_id, fence, claimed_at, look_at) VALUES (%(order)s, 1, %(now)s, NULL)
    ON CONFLICT (order_id) DO UPDATE SET fence = b.fence + 1, claimed_at = excluded.claimed_at, look_at = NULL
RETURNING fence
"""

LOOK_LATER = """
UPDATE broker_order SET looks = %(looks)s, look_at = %(look_at)s WHERE order_id = %(order)s
"""

FENCE = "SELECT fence FROM broker_order WHERE order_id = %s"

LOOKS = "SELECT looks, claimed_at FROM broker_order WHERE order_id = %s"

# For brokers that do not keep our ids: how an order was sent, and which of theirs are ours.
SENT = f"""
SELECT s.claimed_at, s.broker_order_id, {_BROKERED_COLUMNS} JOIN broker_order s ON s.order_id = o.id
 WHERE o.id = %(order)s AND o.account_id = %(account)s
"""

SENT_NAMES = """
SELECT s.broker_order_id, o.id FROM broker_order s JOIN trade_order o ON o.id = s.order_id
 WHERE o.account_id = %(account)s AND s.broker_order_id IS NOT NULL AND o.created_at > %(since)s
"""

STRANDED = """
SELECT o.id FROM trade_order o LEFT JOIN broker_order k ON k.order_id = o.id
 WHERE o.account_id = %s AND o.status = 'submitting'
"""

BROKER_ACCOUNTS = """
SELECT k.account_id, a.user_id, k.broker, a.mode, a.currency, k.state, k.words, k.number, k.activity_id, k.activity_at,
       k.accept_asked_at, k.checked_at
  FROM broker_account k JOIN account a ON a.id = k.account_id
 WHERE k.closed_at IS NULL AND a.closed_at IS NULL ORDER BY k.account_id
"""

BROKER_STATUS = f"""
SELECT k.account_id, k.broker, k.state, k.words, k.differences, k.external_orders, k.checked_at, k.accept_asked_at
  FROM broker_account k JOIN account a ON a.id = k.account_id
 WHERE k.account_id = %(account)s AND {MAY_SEE}
"""

BROKER_STATE = "SELECT state, words FROM broker_account WHERE account_id = %s AND closed_at IS NULL"

INSERT_BROKER_ACCOUNT = """
INSERT INTO broker_account (account_id, broker, state, words) VALUES (%(account)s, %(broker)s, 'opening', %(words)s)
"""

HAS_BROKER_ACCOUNT = """
SELECT 1 FROM broker_account k JOIN account a ON a.id = k.account_id
 WHERE a.user_id = %s AND k.broker = %s AND k.closed_at IS NULL AND a.closed_at IS NULL
"""

NUMBER_TAKEN = """
SELECT 1 FROM broker_account WHERE broker = %(broker)s AND number = %(number)s AND account_id <> %(account)s
   AND closed_at IS NULL
"""

SET_BROKER_STATE = """
UPDATE broker_account
   SET state = %(state)s, words = %(words)s, differences = %(differences)s::jsonb,
       external_orders = coalesce(%(external)s, external_orders), checked_at = coalesce(%(checked_at)s, checked_at)
 WHERE account_id = %(account)s
"""

OPENED_AT_BROKER = """
UPDATE broker_account SET number = %(number)s, activity_at = %(at)s WHERE account_id = %(account)s AND number IS NULL
"""

ASK_ACCEPT = """
UPDATE broker_account k SET accept_asked_at = %(now)s FROM account a
 WHERE a.id = k.account_id AND k.account_id = %(account)s AND a.user_id = %(user)s AND k.state = 'apart'
"""

ACCEPTED = "UPDATE broker_account SET accept_asked_at = NULL WHERE account_id = %s"

OUR_BOOK = """
SELECT a.cash, (SELECT count(*) FROM fill f WHERE f.account_id = a.id) AS fills FROM account a WHERE a.id = %s
"""

OUR_HOLDINGS = "SELECT symbol, signed_qty FROM holding WHERE account_id = %s AND signed_qty <> 0"

FREEZE_APART = "UPDATE account SET frozen_reason = %(reason)s WHERE id = %(account)s AND frozen_reason IS NULL"

THAW_APART = "UPDATE account SET frozen_reason = NULL WHERE id = %(account)s AND frozen_reason = %(reason)s"

INSERT_ACTIVITY = """
INSERT INTO broker_activity (account_id, activity_id, kind, happened_at, booked_at)
VALUES (%(account)s, %(id)s, %(kind)s, %(at)s, %(now)s) ON CONFLICT DO NOTHING RETURNING 1
"""

PASSED_ACTIVITY = (
    "UPDATE broker_account SET activity_at = %(at)s WHERE account_id = %(account)s AND activity_at < %(at)s"
)

FIRST_VALUE = """
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)
VALUES (%(account)s, %(at)s, %(equity)s, %(cash)s, %(equity)s) ON CONFLICT DO NOTHING
"""
