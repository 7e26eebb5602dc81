"""Every SQL statement about live trading; what decides stands in `alembic/sql/0045_live.sql`."""

from starkmatter.accounts.sharing.queries import MAY_SEE

STANDING = """
SELECT l.on_since, live_limit(l) AS most, CASE WHEN l.raises_at > clock_timestamp() THEN l.raises_to END AS raises_to,
       CASE WHEN l.raises_at > clock_timestamp() THEN l.raises_at END AS raises_at,
       (SELECT value FROM rules_in_force(a.id, a.user_id) WHERE kind = 'live_per_day') AS day_most,
       live_ordered_today(a.id) AS day_ordered
  FROM live_trading l JOIN account a ON a.id = l.account_id WHERE l.account_id = %s
"""

SEEN = f"SELECT a.id FROM account a WHERE a.id = %(account)s AND {MAY_SEE}"

NAME_OF = "SELECT name FROM account WHERE id = %s AND user_id = %s AND mode = 'live' AND closed_at IS NULL"

TURN_ON = "SELECT turn_on_live(%(account)s, %(user)s, %(session)s)"

TURN_OFF = "DELETE FROM live_trading WHERE account_id = %(account)s AND turned_on_by = %(user)s"

TAKE_FACTOR = "SELECT take_factor(%(session)s, %(user)s, '-infinity')"

SET_LIMIT = "SELECT set_live_limit(%(account)s, %(user)s, %(most)s)"

ORDER_EXISTS = "SELECT EXISTS (SELECT FROM trade_order WHERE id = %s AND account_id = %s)"

# What was asked about this order, if it is this very ticket: the price then.
ASKED = """
SELECT reference_price FROM live_approval
 WHERE order_id = %(order)s AND user_id = %(user)s AND ticket_hash = decode(%(hash)s, 'hex')
"""

ASK = "SELECT asked_at, price FROM ask_live(%(item)s::jsonb, %(user)s, %(session)s)"

APPROVE = "SELECT approve_live(%(order)s, %(user)s, %(session)s)"

DROP_ASKED = "DELETE FROM live_approval WHERE order_id = %(order)s AND user_id = %(user)s AND used_at IS NULL"

# Whoever turns it off meanwhile waits until the order's move is stored.
HOLD = """
SELECT FROM live_trading WHERE account_id = (SELECT account_id FROM trade_order WHERE id = %s) FOR SHARE
"""

DAY_WORDS = """
SELECT live_day_words(%(account)s, %(symbol)s, %(side)s, %(qty)s, %(order)s, %(worth)s::numeric)
"""

WORDS = "SELECT live_words(%s)"

DRIFT = "SELECT approval_drift_pct FROM account WHERE id = %s"

FORGET = "DELETE FROM live_approval WHERE asked_at < clock_timestamp() - interval '90 days'"
