"""Every SQL statement about margin accounts."""

from starkmatter.accounts.sharing.queries import MAY_SEE

LENDING_ACCOUNT = f"""
SELECT a.id, a.user_id, a.name, a.venue, a.currency, a.preset, a.kind, a.cash, a.reserved, a.opened_venue_at,
       a.financed_through
  FROM account a WHERE a.id = %(account)s AND {MAY_SEE}
"""

# Those that borrow or may: open margin accounts of a venue.
LENDING_ACCOUNTS = """
SELECT a.id, a.user_id, a.name, a.venue, a.currency, a.preset, a.kind, a.cash, a.reserved, a.opened_venue_at,
       a.financed_through
  FROM account a WHERE a.kind = 'margin' AND a.venue = %s AND a.closed_at IS NULL ORDER BY a.id
"""

HELD = """
SELECT account_id, symbol, signed_qty, cost_basis FROM holding
 WHERE account_id = ANY (%s) AND signed_qty <> 0 ORDER BY account_id, symbol
"""

# What margin_words says without the lock: the preview's view of it.
MARGIN_WORDS = """
SELECT m.opens, m.words, m.needs_marks FROM account a, margin_words(a, %(order)s::jsonb) m WHERE a.id = %(account)s
"""

# The sessions whose nights have not been charged yet, the oldest first, each with the date of the next one.
UNCHARGED = """
SELECT a.id, s.session_on, s.closes_at, s.next_on
  FROM account a
  JOIN (SELECT session_on, closes_at, lead(session_on) OVER (ORDER BY session_on) AS next_on FROM market_session
         WHERE exchange = %(exchange)s AND closes_at <= %(until)s::timestamptz + interval '14 days') s
    ON s.closes_at > a.opened_venue_at AND s.closes_at <= %(until)s
   AND s.session_on > coalesce(a.financed_through, '-infinity'::date)
 WHERE a.kind = 'margin' AND a.venue = %(venue)s AND a.closed_at IS NULL
 ORDER BY a.id, s.session_on
"""

# Charging a session once: only the first that asks finds it uncharged, and holds the account's lock from here on.
CHARGE = """
UPDATE account SET financed_through = %(session)s
 WHERE id = %(account)s AND (financed_through IS NULL OR financed_through < %(session)s)
RETURNING cash
"""

MOVE_CASH = "UPDATE account SET cash = cash + %s WHERE id = %s"

OPEN_CALL = """
SELECT id, account_id, called_at, due_at, equity, maintenance, state, words, ended_at FROM margin_call
 WHERE account_id = ANY (%s) AND ended_at IS NULL
"""

CALLS = f"""
SELECT c.id, c.account_id, c.called_at, c.due_at, c.equity, c.maintenance, c.state, c.words, c.ended_at
  FROM margin_call c JOIN account a ON a.id = c.account_id
 WHERE c.account_id = %(account)s AND {MAY_SEE} ORDER BY c.called_at DESC LIMIT %(limit)s
"""

PUT_CALL = """
INSERT INTO margin_call (id, account_id, called_at, due_at, equity, maintenance, state, created_at)
VALUES (%(id)s, %(account)s, %(called_at)s, %(due_at)s, %(equity)s, %(maintenance)s, 'open', %(now)s)
    ON CONFLICT (account_id) WHERE ended_at IS NULL DO NOTHING RETURNING id
"""

MOVE_CALL = """
UPDATE margin_call SET state = %(state)s, words = %(words)s, ended_at = %(ended_at)s
 WHERE id = %(id)s AND state = ANY (%(from)s) RETURNING id
"""

OPEN_ORDERS = """
SELECT count(*) FILTER (WHERE risk->>'call' IS NULL) AS theirs,
       count(*) FILTER (WHERE risk->>'call' IS NOT NULL) AS ours
  FROM trade_order WHERE account_id = %s
   AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
"""

ORDERS_OF_CALL = """
SELECT count(*), max(created_at) FILTER (WHERE status = 'risk_rejected') FROM trade_order
 WHERE account_id = %(account)s AND risk->>'call' = %(call)s
"""

CANCEL_OPEN = """
SELECT order_id, owner_id, account_id, venue, symbol, status
  FROM cancel_open_orders(%(accounts)s::uuid[], %(clocks)s::jsonb, %(limit)s, %(now)s)
"""

SET_BORROWABLE = "UPDATE instrument SET borrowable = %(borrowable)s WHERE venue = %(venue)s AND symbol = %(symbol)s"
