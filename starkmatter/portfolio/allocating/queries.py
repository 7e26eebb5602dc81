"""Every SQL statement about targets and tags."""

from starkmatter.portfolio.queries import FLOW_KINDS

TAGS = "SELECT symbol, tag FROM symbol_tag WHERE user_id = %s ORDER BY symbol, lower(tag), tag"

LOCK_PERSON = "SELECT id FROM app_user WHERE id = %s FOR UPDATE"

DROP_TAGS = "DELETE FROM symbol_tag WHERE user_id = %(user)s AND symbol = %(symbol)s"

COUNT_TAGS = "SELECT count(*) FROM symbol_tag WHERE user_id = %s"

PUT_TAG = "INSERT INTO symbol_tag (user_id, symbol, tag) VALUES (%(user)s, %(symbol)s, %(tag)s)"

TARGETS = """
SELECT by, names, percents, cash_pct, tolerance_pct, updated_at FROM allocation_target WHERE account_id = %s
"""

PUT_TARGETS = """
INSERT INTO allocation_target (account_id, by, names, percents, cash_pct, tolerance_pct, updated_at)
VALUES (%(account)s, %(by)s, %(names)s, %(percents)s, %(cash)s, %(tolerance)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET by = excluded.by, names = excluded.names, percents = excluded.percents,
       cash_pct = excluded.cash_pct, tolerance_pct = excluded.tolerance_pct, updated_at = excluded.updated_at
"""

DROP_TARGETS = "DELETE FROM allocation_target WHERE account_id = %s"

FIRST_POINT = """
SELECT venue_at AS at, equity AS value FROM equity_snapshot WHERE account_id = %s ORDER BY venue_at LIMIT 1
"""

POINT_AT = """
SELECT venue_at AS at, equity AS value FROM equity_snapshot WHERE account_id = %(account)s AND venue_at <= %(at)s
 ORDER BY venue_at DESC LIMIT 1
"""

# What was paid in less what was taken out after that instant of the venue.
FLOWS_SINCE = f"""
SELECT coalesce(-sum(leg.amount), 0) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
 WHERE e.account_id = %(account)s AND e.kind IN {FLOW_KINDS} AND leg.account = 'equity:deposits'
   AND e.venue_at > %(since)s
"""
