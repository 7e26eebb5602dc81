"""Every SQL statement of the portfolio room."""

from starkmatter.accounts.sharing.queries import MAY_SEE

INSERT_ACCOUNT = """
INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, run_id, cash, reserved, created_at,
                     opened_venue_at, kind)
VALUES (%(id)s, %(user)s, %(name)s, %(venue)s, %(broker)s, %(mode)s, %(currency)s, %(preset)s, %(run)s, 0, 0, %(now)s,
        %(venue_at)s, %(kind)s)
"""

# Kinds of entries whose leg on equity:deposits is a flow: money, or shares at what they were worth when they moved.
FLOW_KINDS = "('deposit', 'withdrawal', 'transfer_in', 'transfer_out')"

MOVE_CASH = "UPDATE account SET cash = cash + %s WHERE id = %s"

# --- new beginnings and branches -------------------------------------------------------------------------------------

PLAN_OF = """
SELECT a.id, a.user_id, a.name, a.venue, a.broker, a.currency, a.preset, a.kind, a.run_id, a.closed_at,
       a.opened_venue_at,
       (SELECT leg.amount FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
         WHERE e.account_id = a.id AND e.kind = 'deposit' AND leg.account = 'assets:cash' ORDER BY e.id LIMIT 1)
       AS first_cash
  FROM account a WHERE a.id = %(account)s AND a.user_id = %(user)s
"""

LOCK_OPEN_ORDERS = """
SELECT id, status, symbol FROM trade_order
 WHERE account_id = %s
   AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
 ORDER BY id FOR UPDATE
"""

CLOSE_ONE = "UPDATE account SET closed_at = %s WHERE id = %s AND closed_at IS NULL"

COUNT_OPEN = """
SELECT count(*) FROM trade_order
 WHERE account_id = %s
   AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
"""

LAST_POINT = f"""
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)
SELECT %(account)s, %(at)s, %(equity)s, a.cash,
       coalesce((SELECT -sum(leg.amount) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
                  WHERE e.account_id = a.id AND e.kind IN {FLOW_KINDS}
                    AND leg.account = 'equity:deposits'), 0)
  FROM account a WHERE a.id = %(account)s
    ON CONFLICT (account_id, venue_at) DO UPDATE
   SET equity = excluded.equity, cash = excluded.cash, net_deposits = excluded.net_deposits
"""

END_CALLS = """
UPDATE margin_call SET state = 'closed', ended_at = %(at)s, words = 'The account was reset.'
 WHERE account_id = %(account)s AND ended_at IS NULL
"""

SET_PARENT = "UPDATE account SET parent_id = %(parent)s, branch = %(branch)s, as_of = %(as_of)s WHERE id = %(account)s"

# Whoever was let in, and what bounds the account, come along to a new beginning: it is no way around a switch or rule.
TAKE_ALONG = (
    """
    INSERT INTO account_share (account_id, user_id, level, shared_by, created_at)
    SELECT %(account)s, user_id, level, shared_by, %(now)s FROM account_share WHERE account_id = %(parent)s
    """,
    """
    INSERT INTO trading_rule (id, user_id, account_id, kind, value, loosens_to, loosens_at, updated_at)
    SELECT gen_random_uuid(), user_id, %(account)s, kind, value, loosens_to, loosens_at, updated_at
      FROM trading_rule WHERE account_id = %(parent)s
    """,
    """
    INSERT INTO trading_stop (id, user_id, account_id, broker, allows_reducing, reason, set_by, set_at, swept_at)
    SELECT gen_random_uuid(), user_id, %(account)s, broker, allows_reducing, reason, set_by, set_at, swept_at
      FROM trading_stop WHERE account_id = %(parent)s
    """,
    """
    UPDATE account a SET guarded = is_guarded(a.id, a.user_id, a.broker), approval_drift_pct = p.approval_drift_pct
      FROM account p WHERE a.id = %(account)s AND p.id = %(parent)s
    """,
)

# An entry that stands: it takes none back and none takes it back.
STANDS = "e.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)"

# Everything that moved cash or shares of an account up to an instant, in the order it was booked; `cost` went along
# with shares that were moved.
BOOKED_UNTIL = f"""
SELECT e.kind, f.symbol, f.side, f.qty, e.accounts, e.commodities, e.amounts, e.description, t.cost
  FROM ledger_entry e LEFT JOIN fill f ON f.id = e.fill_id
  LEFT JOIN lot_transfer t ON t.ended_at IS NULL AND e.id IN (t.out_entry_id, t.in_entry_id)
 WHERE e.account_id = %(account)s AND e.venue_at <= %(until)s AND {STANDS} ORDER BY e.id
"""

HAS_MARK = "SELECT EXISTS (SELECT FROM action_mark WHERE account_id = %s)"

PUT_OPENED = """
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%(account)s, %(symbol)s, %(qty)s, %(cost)s, 0, 0, %(at)s, %(at)s)
"""

CLOSE_OF_SESSION = """
SELECT closes_at FROM market_session WHERE exchange = %(exchange)s AND session_on <= %(on)s
 ORDER BY session_on DESC LIMIT 1
"""

LOCKED_CASH = "SELECT cash, reserved FROM account WHERE id = %s AND closed_at IS NULL FOR NO KEY UPDATE"

HELD = "SELECT symbol, signed_qty, cost_basis FROM holding WHERE account_id = %s AND signed_qty <> 0"

MOVE_FREE_CASH = """
UPDATE account SET cash = cash + %(cash)s
 WHERE id = %(account)s AND closed_at IS NULL
   AND (cash - reserved + %(cash)s >= 0 OR (kind = 'margin' AND %(cash)s > 0))
"""

INSERT_SNAPSHOT = """
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)
VALUES (%(account)s, %(venue_at)s, %(equity)s, %(equity)s, %(equity)s) ON CONFLICT DO NOTHING
"""

_ACCOUNT_COLUMNS = """
       a.id, a.name, a.venue, a.broker, a.mode, a.currency, a.cash, a.reserved, a.created_at, a.preset, a.run_id,
       (a.closed_at IS NOT NULL) AS read_only, a.opened_venue_at, a.frozen_reason,
       CASE WHEN a.user_id = %(user)s THEN 'own' ELSE (
            SELECT s.level FROM account_share s WHERE s.account_id = a.id AND s.user_id = %(user)s) END AS access,
       u.display_name AS owner_name, a.kind, c.due_at AS call_due_at, c.state AS call_state,
       a.parent_id, a.branch, a.as_of, (SELECT p.name FROM account p WHERE p.id = a.parent_id) AS parent_name
  FROM account a JOIN app_user u ON u.id = a.user_id
  LEFT JOIN margin_call c ON c.account_id = a.id AND c.ended_at IS NULL
"""

ACCOUNTS = f"""
SELECT {_ACCOUNT_COLUMNS} WHERE {MAY_SEE}
 ORDER BY a.user_id <> %(user)s, a.closed_at NULLS FIRST, a.created_at DESC
"""

ACCOUNT = f"SELECT {_ACCOUNT_COLUMNS} WHERE {MAY_SEE} AND a.id = %(account)s"

COUNT_ACCOUNTS = "SELECT count(*) FROM account WHERE user_id = %s"

# What a symbol is quoted in: its market's currency where it is not known better.
QUOTED_IN = "coalesce(i.currency, 'USD')"

HOLDINGS = f"""
SELECT h.account_id, h.symbol, h.signed_qty, h.cost_basis, h.realized_pl, h.reserved_qty,
       {QUOTED_IN} AS quoted_in, a.currency AS kept_in
  FROM holding h JOIN account a ON a.id = h.account_id
  LEFT JOIN instrument i ON i.venue = a.venue AND i.symbol = h.symbol
 WHERE {MAY_SEE} AND h.account_id = ANY (%(accounts)s) AND (h.signed_qty <> 0 OR h.realized_pl <> 0)
 ORDER BY h.symbol
"""

# In which currencies shares are quoted that accounts of another one hold.
FOREIGN_PAIRS = f"""
SELECT DISTINCT {QUOTED_IN} AS quoted_in, a.currency AS kept_in
  FROM holding h JOIN account a ON a.id = h.account_id
  LEFT JOIN instrument i ON i.venue = a.venue AND i.symbol = h.symbol
 WHERE a.venue = %s AND a.closed_at IS NULL AND h.signed_qty <> 0 AND {QUOTED_IN} <> a.currency
"""

HOLDS_FOREIGN = f"""
SELECT EXISTS (SELECT FROM holding h JOIN account a ON a.id = h.account_id
                 JOIN instrument i ON i.venue = a.venue AND i.symbol = h.symbol AND i.currency <> a.currency
                WHERE h.account_id = %(account)s AND {MAY_SEE})
"""

# What each account was worth when the session before `day_start` had ended, and what was paid in by then.
DAY_STARTS = """
SELECT DISTINCT ON (s.account_id) s.account_id, s.equity, s.net_deposits, s.venue_at
  FROM equity_snapshot s
 WHERE s.account_id = ANY (%(accounts)s) AND s.venue_at < %(day_start)s
 ORDER BY s.account_id, s.venue_at DESC
"""

# What accounts of former runs were worth at last: their prices belong to another time.
LAST_VALUES = """
SELECT DISTINCT ON (s.account_id) s.account_id, s.equity, s.net_deposits, s.venue_at FROM equity_snapshot s
 WHERE s.account_id = ANY (%s) ORDER BY s.account_id, s.venue_at DESC
"""

DEPOSITED = f"""
SELECT e.account_id, -sum(leg.amount)
  FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
 WHERE e.account_id = ANY (%s) AND e.kind IN {FLOW_KINDS} AND leg.account = 'equity:deposits'
 GROUP BY e.account_id
"""

# Trades here, those elsewhere that were imported, and shares moved at what they were worth.
TRADED_SINCE = f"""
SELECT account_id, symbol, sum(signed_qty) AS signed_qty, sum(cash) AS cash FROM (
    SELECT account_id, symbol, CASE side WHEN 'buy' THEN qty ELSE -qty END AS signed_qty,
           CASE side WHEN 'buy' THEN -qty * price ELSE qty * price END - fees AS cash
      FROM fill WHERE account_id = ANY (%(accounts)s) AND executed_at >= %(day_start)s
    UNION ALL
    SELECT e.account_id, held.commodity, held.amount,
           (SELECT sum(leg.amount) FROM unnest(e.accounts, e.amounts) AS leg (account, amount)
             WHERE leg.account = 'assets:cash')
      FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS held (account, commodity, amount)
     WHERE e.account_id = ANY (%(accounts)s) AND e.venue_at >= %(day_start)s AND e.kind = 'fill' AND e.fill_id IS NULL
       AND held.account = 'assets:holding' AND {STANDS}
    UNION ALL
    SELECT e.account_id, held.commodity, held.amount,
           -coalesce((SELECT sum(leg.amount)
                        FROM unnest(e.accounts, e.commodities, e.amounts) AS leg (account, unit, amount)
                       WHERE leg.account = 'equity:trading' AND leg.unit <> held.commodity), 0)
      FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS held (account, commodity, amount)
     WHERE e.account_id = ANY (%(accounts)s) AND e.venue_at >= %(day_start)s
       AND e.kind IN ('transfer_in', 'transfer_out') AND held.account = 'assets:holding' AND {STANDS}
) AS traded GROUP BY account_id, symbol
"""

EQUITY = f"""
SELECT s.venue_at AS at, s.equity FROM equity_snapshot s JOIN account a ON a.id = s.account_id
 WHERE s.account_id = %(account)s AND {MAY_SEE}
   AND (%(start)s::timestamptz IS NULL OR s.venue_at >= %(start)s)
 ORDER BY s.venue_at DESC LIMIT %(limit)s
"""

# Each session of the account's life that has closed by :until, with the value that stands for its close: the first one
# from the close to the next open, else the last one inside the session, else nothing.
CLOSES = f"""
SELECT d.session_on, d.closes_at, p.venue_at AS at, p.equity AS value, p.net_deposits AS paid_in
  FROM (SELECT session_on, opens_at, closes_at,
               coalesce(lead(opens_at) OVER (ORDER BY opens_at), 'infinity') AS next_opens_at
          FROM market_session WHERE exchange = %(exchange)s) AS d
  LEFT JOIN LATERAL (
       SELECT * FROM (
         (SELECT 1 AS choice, s.venue_at, s.equity, s.net_deposits FROM equity_snapshot s
           WHERE s.account_id = %(account)s AND s.venue_at >= d.closes_at AND s.venue_at < d.next_opens_at
           ORDER BY s.venue_at LIMIT 1)
         UNION ALL
         (SELECT 2, s.venue_at, s.equity, s.net_deposits FROM equity_snapshot s
           WHERE s.account_id = %(account)s AND s.venue_at >= d.opens_at AND s.venue_at < d.closes_at
           ORDER BY s.venue_at DESC LIMIT 1)) AS found
        ORDER BY choice LIMIT 1) AS p ON true
 WHERE EXISTS (SELECT FROM account a WHERE a.id = %(account)s AND {MAY_SEE})
   AND d.closes_at > (SELECT min(venue_at) FROM equity_snapshot WHERE account_id = %(account)s)
   AND d.closes_at <= %(until)s
 ORDER BY d.session_on
"""

# The first and the last value, and those on both sides of every deposit and withdrawal.
EDGES = f"""
SELECT at, value, paid_in FROM (
    SELECT s.venue_at AS at, s.equity AS value, s.net_deposits AS paid_in,
           lag(s.net_deposits) OVER line AS paid_in_before, lead(s.net_deposits) OVER line AS paid_in_after
      FROM equity_snapshot s JOIN account a ON a.id = s.account_id
     WHERE s.account_id = %(account)s AND {MAY_SEE} AND s.venue_at <= %(until)s
    WINDOW line AS (ORDER BY s.venue_at)) AS walked
 WHERE paid_in_before IS DISTINCT FROM paid_in OR paid_in_after IS DISTINCT FROM paid_in
 ORDER BY at
"""

# What was paid in (positive) or taken out by each entry, in the order of time.
FLOWS = f"""
SELECT e.account_id, e.id, e.venue_at, -sum(leg.amount)
  FROM ledger_entry e JOIN account a ON a.id = e.account_id,
       unnest(e.accounts, e.amounts) AS leg (account, amount)
 WHERE e.account_id = ANY (%(accounts)s) AND {MAY_SEE} AND e.kind IN {FLOW_KINDS}
   AND leg.account = 'equity:deposits'
 GROUP BY e.account_id, e.id HAVING sum(leg.amount) <> 0 ORDER BY e.venue_at, e.id
"""

# Income (positive) and costs (negative) of accounts after :after, up to and with :until.
EARNED = f"""
SELECT e.account_id, e.venue_at, leg.account, -leg.amount
  FROM ledger_entry e JOIN account a ON a.id = e.account_id,
       unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = ANY (%(accounts)s) AND {MAY_SEE} AND leg.commodity = a.currency
   AND (leg.account LIKE 'expenses:%%' OR leg.account LIKE 'income:%%')
   AND e.venue_at > %(after)s AND e.venue_at <= %(until)s
 ORDER BY e.id
"""

ENTRIES = f"""
SELECT e.id, e.booked_at, e.venue_at, e.kind, e.description, e.order_id, e.accounts, e.commodities, e.amounts,
       e.reverses
  FROM ledger_entry e JOIN account a ON a.id = e.account_id
 WHERE e.account_id = %(account)s AND {MAY_SEE} AND (%(before)s::bigint IS NULL OR e.id < %(before)s)
 ORDER BY e.id DESC LIMIT %(limit)s
"""

# Entries with all their legs in the order of booking.
ENTRIES_BETWEEN = f"""
SELECT e.id, e.venue_at, e.kind, e.description, e.accounts, e.commodities, e.amounts
  FROM ledger_entry e JOIN account a ON a.id = e.account_id
 WHERE e.account_id = %(account)s AND {MAY_SEE} AND e.id > %(after)s AND e.id <= %(upto)s AND {STANDS}
   AND e.venue_at > %(since)s AND e.venue_at <= %(until)s
 ORDER BY e.id
"""

LAST_ENTRY = f"""
SELECT coalesce(max(e.id), 0) FROM ledger_entry e JOIN account a ON a.id = e.account_id
 WHERE e.account_id = %(account)s AND {MAY_SEE}
"""

CLOSE_AT = f"""
SELECT c.entry_id, c.later_ids, c.symbols, c.qtys, c.worths FROM account_close c JOIN account a ON a.id = c.account_id
 WHERE c.account_id = %(account)s AND {MAY_SEE} AND c.venue_at = %(at)s
"""

CASH_AT = f"""
SELECT s.cash FROM equity_snapshot s JOIN account a ON a.id = s.account_id
 WHERE s.account_id = %(account)s AND {MAY_SEE} AND s.venue_at = %(at)s
"""

CLOSES_KEPT = f"""
SELECT c.venue_at AS at, c.symbols, c.worths FROM account_close c JOIN account a ON a.id = c.account_id
 WHERE c.account_id = %(account)s AND {MAY_SEE} AND c.venue_at >= %(after)s AND c.venue_at <= %(until)s
"""

# Entries of a corporate action that was taken back, with those that took them back: together they moved nothing.
VOID_ENTRIES = f"""
SELECT p.entry_ids || u.entry_ids FROM action_posting p
  JOIN action_posting u ON u.account_id = p.account_id AND u.action_id = p.action_id AND u.revision = p.revision
                       AND u.turn = p.turn AND u.undoing AND NOT p.undoing
  JOIN account a ON a.id = p.account_id
 WHERE p.account_id = %(account)s AND {MAY_SEE}
"""

# Every leg of income in the account's currency, in the order of booking; what came is negative on such an account.
INCOME = f"""
SELECT e.id, e.venue_at, e.kind, e.description, leg.account, leg.amount
  FROM ledger_entry e JOIN account a ON a.id = e.account_id,
       unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = %(account)s AND {MAY_SEE} AND leg.commodity = a.currency
   AND (leg.account LIKE 'income:%%' OR leg.account = 'expenses:tax withheld') AND {STANDS}
 ORDER BY e.id
"""

# A holding at its price, in another currency than the account's at the day's rate; NULL without either.
_WORTH = f"""
CASE WHEN {QUOTED_IN} = a.currency THEN h.signed_qty * p.last ELSE round(h.signed_qty * p.last * x.rate, 6) END
"""
_PRICES = f"""
  LEFT JOIN instrument i ON i.venue = a.venue AND i.symbol = h.symbol
  LEFT JOIN jsonb_to_recordset(%(prices)s::jsonb) AS p (symbol text, last numeric) ON p.symbol = h.symbol
  LEFT JOIN jsonb_to_recordset(%(rates)s::jsonb) AS x (base text, quote text, rate numeric)
       ON x.base = {QUOTED_IN} AND x.quote = a.currency
"""

# One point per open account of the venue; holdings without a known price or rate count at cost.
SNAPSHOT_ALL = f"""
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)
SELECT a.id, %(venue_at)s, round(a.cash + coalesce(sum(coalesce({_WORTH}, h.cost_basis)), 0), 2), a.cash,
       coalesce((SELECT -sum(leg.amount) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
                  WHERE e.account_id = a.id AND e.kind IN {FLOW_KINDS}
                    AND leg.account = 'equity:deposits'), 0)
  FROM account a
  LEFT JOIN holding h ON h.account_id = a.id AND h.signed_qty <> 0
  {_PRICES}
 WHERE a.venue = %(venue)s AND a.closed_at IS NULL AND a.opened_venue_at <= %(venue_at)s
 GROUP BY a.id
    ON CONFLICT (account_id, venue_at) DO UPDATE
   SET equity = excluded.equity, cash = excluded.cash, net_deposits = excluded.net_deposits
"""

# The same of some accounts alone.
SNAPSHOT_OF = SNAPSHOT_ALL.replace(" GROUP BY a.id", "   AND a.id = ANY (%(accounts)s)\n GROUP BY a.id")

# The same with what each position is worth, in one statement: nothing is booked between the two.
SNAPSHOT_CLOSE = f"""
WITH points AS ({SNAPSHOT_ALL} RETURNING account_id, venue_at)
INSERT INTO account_close (account_id, venue_at, entry_id, symbols, qtys, worths)
SELECT point.account_id, point.venue_at,
       coalesce((SELECT max(e.id) FROM ledger_entry e WHERE e.account_id = point.account_id), 0),
       coalesce(array_agg(h.symbol ORDER BY h.symbol) FILTER (WHERE h.symbol IS NOT NULL), '{{}}'),
       coalesce(array_agg(h.signed_qty ORDER BY h.symbol) FILTER (WHERE h.symbol IS NOT NULL), '{{}}'),
       coalesce(array_agg(coalesce({_WORTH}, h.cost_basis) ORDER BY h.symbol)
                FILTER (WHERE h.symbol IS NOT NULL), '{{}}')
  FROM points AS point
  JOIN account a ON a.id = point.account_id
  LEFT JOIN holding h ON h.account_id = point.account_id AND h.signed_qty <> 0
  {_PRICES}
 GROUP BY point.account_id, point.venue_at
    ON CONFLICT (account_id, venue_at) DO UPDATE
   SET entry_id = excluded.entry_id, symbols = excluded.symbols, qtys = excluded.qtys, worths = excluded.worths
"""

LAST_SNAPSHOT_AT = """
SELECT max(s.venue_at) FROM equity_snapshot s JOIN account a ON a.id = s.account_id
 WHERE a.venue = %s AND a.closed_at IS NULL
"""

ACCOUNTS_OF_FORMER_RUNS = """
SELECT id, user_id FROM account WHERE venue = 'replay' AND closed_at IS NULL AND run_id IS DISTINCT FROM %s
   FOR UPDATE
"""

OPEN_ORDERS_OF = """
SELECT id, status FROM trade_order
 WHERE account_id = ANY (%s)
   AND status IN ('pending_submit', 'submitting', 'accepted', 'working', 'partial', 'pending_cancel', 'unknown')
"""

LOCK_PEOPLE = "SELECT 1 FROM app_user WHERE id = ANY (%s) ORDER BY id FOR KEY SHARE"

CLOSE_ACCOUNTS = "UPDATE account SET closed_at = %s WHERE id = ANY (%s)"

DROP_OUTBOX_OF = "DELETE FROM outbox WHERE order_id = ANY (%s)"

END_ORDER = "SELECT move_order(%s, %s, ARRAY[%s]::text[], %s, %s, %s)"

SESSION_OPEN = "SELECT opens_at FROM market_session WHERE session_on = %s ORDER BY exchange LIMIT 1"
