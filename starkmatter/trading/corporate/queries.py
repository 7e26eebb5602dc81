"""Every SQL statement about corporate actions on accounts."""

from starkmatter.accounts.sharing.queries import MAY_SEE

_ENDED = "('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')"

_ACTING = "a.id, a.user_id, a.name, a.venue, a.broker, a.currency, a.preset, a.kind, a.opened_venue_at"

# Accounts that something new was told for, or whose day has come, among what they hold, held, have ordered or booked.
DUE = f"""
SELECT {_ACTING}
  FROM account a LEFT JOIN action_mark m ON m.account_id = a.id
 WHERE a.venue = %(venue)s AND a.broker = ANY (%(brokers)s) AND a.closed_at IS NULL
   AND EXISTS (
       SELECT FROM action_told t
        WHERE t.venue = a.venue
          AND (t.symbol IN (SELECT h.symbol FROM holding h WHERE h.account_id = a.id
                            UNION
                            SELECT unnest(ARRAY[o.symbol, o.cond_symbol]) FROM trade_order o
                             WHERE o.account_id = a.id AND o.status NOT IN {_ENDED})
               OR EXISTS (SELECT FROM action_posting p WHERE p.account_id = a.id AND p.action_id = t.action_id)
               OR EXISTS (SELECT FROM action_order r WHERE r.account_id = a.id AND r.action_id = t.action_id))
          AND (t.id > coalesce(m.told_id, 0) OR t.ex_on > coalesce(m.acted_on, '-infinity'::date))
          AND (t.ex_on > (a.opened_venue_at AT TIME ZONE %(zone)s)::date
               OR EXISTS (SELECT FROM action_posting p WHERE p.account_id = a.id AND p.action_id = t.action_id))
          AND (t.ex_on <= %(today)s OR t.revision > 1))
 ORDER BY a.id
"""

_ORDER = """
       o.id, o.symbol, o.side, o.type, o.qty, o.filled_qty, o.limit_price, o.stop_price, o.trail_amount,
       o.trail_percent, o.notional, CASE WHEN o.held THEN o.cond_symbol END AS cond_symbol, o.cond_relation,
       o.cond_price, o.water, o.group_id, o.role, o.shared_qty, o.held, o.status, o.reserved, o.reserve_per_share,
       o.filled_value, o.opens, (o.submitted_venue_at AT TIME ZONE %(zone)s)::date AS submitted_on
"""

# Open orders and all of their groups, in the order in which locks are taken everywhere.
LOCK_ORDERS = f"""
SELECT {_ORDER} FROM trade_order o
 WHERE o.account_id = %(account)s
   AND (o.status NOT IN {_ENDED}
        OR o.group_id IN (SELECT s.group_id FROM trade_order s
                           WHERE s.account_id = %(account)s AND s.status NOT IN {_ENDED}))
 ORDER BY o.id FOR UPDATE
"""

LOCK_ACCOUNT = """
SELECT a.cash, a.reserved, coalesce(m.told_id, 0), m.acted_on
  FROM account a LEFT JOIN action_mark m ON m.account_id = a.id
 WHERE a.id = %s AND a.closed_at IS NULL FOR NO KEY UPDATE OF a
"""

# What a person said about revisions that could not be booked: they do not count for the account.
WAIVED = "SELECT action_id, revision FROM action_waived WHERE account_id = %s"

WAIVE = """
INSERT INTO action_waived (account_id, action_id, revision, waived_by, waived_at)
VALUES (%(account)s, %(action_id)s, %(revision)s, %(user)s, %(now)s) ON CONFLICT DO NOTHING
"""

ACTING = f"""
SELECT {_ACTING} FROM account a
 WHERE a.id = %(account)s AND a.user_id = %(user)s AND a.closed_at IS NULL AND starts_with(a.frozen_reason, %(problem)s)
"""

# When the books of an account that is filled from files went on last, or its former values were told after that.
BOOKED_ELSEWHERE = "SELECT greatest(max(stale_since), max(valued_at)) FROM tracked_account"

MARK_STALE = "UPDATE tracked_account SET stale_since = %(now)s WHERE account_id = %(account)s"

PUT_MARK = """
INSERT INTO action_mark (account_id, told_id, acted_on) VALUES (%(account)s, %(told_id)s, %(today)s)
    ON CONFLICT (account_id) DO UPDATE SET told_id = excluded.told_id, acted_on = excluded.acted_on
"""

# What moved shares of the account and stands, apart from actions, in the order of booking; `cost` is what an opening
# writes down, or what went along with shares that were moved from another account.
MOVES = """
SELECT e.id, e.kind, (e.venue_at AT TIME ZONE %(zone)s)::date AS moved_on, held.commodity AS symbol, held.amount AS qty,
       coalesce(money.cash, 0) AS cash, coalesce(t.cost, money.cost, 0) AS cost, coalesce(money.worth, 0) AS worth,
       t.id AS transfer
  FROM ledger_entry e
  JOIN account a ON a.id = e.account_id
  LEFT JOIN lot_transfer t ON t.ended_at IS NULL AND e.id IN (t.out_entry_id, t.in_entry_id)
 CROSS JOIN LATERAL unnest(e.accounts, e.commodities, e.amounts) AS held (account, commodity, amount)
 CROSS JOIN LATERAL (
       SELECT sum(leg.amount) FILTER (WHERE leg.account = 'assets:cash') AS cash,
              sum(leg.amount) FILTER (WHERE leg.account = 'memo:opening cost') AS cost,
              sum(leg.amount) FILTER (WHERE leg.account = 'equity:trading' AND leg.commodity = a.currency) AS worth
         FROM unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)) AS money
 WHERE e.account_id = %(account)s AND held.account = 'assets:holding' AND held.amount <> 0
   AND NOT (e.kind IN ('split', 'stock_dividend', 'symbol_change', 'spin_off', 'cash_in_lieu', 'delisting') AND EXISTS (
            SELECT FROM action_posting p WHERE p.account_id = e.account_id AND e.id = ANY (p.entry_ids)))
   AND (%(until)s::timestamptz IS NULL OR e.venue_at <= %(until)s)
   AND e.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
 ORDER BY e.id
"""

# What shares of a move had cost is told by the account that they came from; the other one follows.
RETELL_COST = """
UPDATE lot_transfer SET cost = %(cost)s
 WHERE id = %(id)s AND cost <> %(cost)s RETURNING to_account_id
"""

ACTING_OF = (
    f"SELECT {_ACTING}, m.acted_on FROM account a LEFT JOIN action_mark m ON m.account_id = a.id WHERE a.id = %s"
)

LOCK_ONE = "SELECT 1 FROM account WHERE id = %s FOR NO KEY UPDATE"

# Every posting of the account in the order of writing, with the entries it wrote in their order.
POSTINGS = """
SELECT p.account_id, p.action_id, p.revision, p.turn, p.undoing, p.symbol, p.ex_on, p.kind, p.words, p.figures,
       p.venue_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'kind', e.kind, 'description', e.description, 'accounts', e.accounts, 'commodities', e.commodities,
                   'amounts', e.amounts::text[]) ORDER BY e.id), '[]')
          FROM ledger_entry e WHERE e.id = ANY (p.entry_ids)) AS entries
  FROM action_posting p WHERE p.account_id = %s ORDER BY p.id
"""

PUT_POSTING = """
INSERT INTO action_posting (account_id, action_id, revision, turn, undoing, symbol, ex_on, kind, words, figures,
                            entry_ids, venue_at, booked_at)
VALUES (%(account)s, %(action_id)s, %(revision)s, %(turn)s, %(undoing)s, %(symbol)s, %(ex_on)s, %(kind)s, %(words)s,
        %(figures)s::jsonb, %(entry_ids)s, %(venue_at)s, %(now)s)
"""

HELD = (
    "SELECT symbol, signed_qty, cost_basis, realized_pl FROM holding WHERE account_id = %s ORDER BY symbol FOR UPDATE"
)

PUT_HELD = """
INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%(account)s, %(symbol)s, %(qty)s, %(cost_basis)s, %(realized_pl)s, 0, %(at)s, %(at)s)
    ON CONFLICT (account_id, symbol) DO UPDATE
   SET signed_qty = excluded.signed_qty, cost_basis = excluded.cost_basis, realized_pl = excluded.realized_pl,
       updated_at = excluded.updated_at
"""

POSTED = """
SELECT commodity, sum(amount) FROM ledger_posting
 WHERE account_id = %s AND account = 'assets:holding' GROUP BY commodity
"""

MOVE_CASH = "UPDATE account SET cash = cash + %(cash)s, reserved = reserved + %(aside)s WHERE id = %(account)s"

# Shares set aside for sales are those that open sales may still take (the promise I5), reckoned anew.
SET_ASIDE = f"""
UPDATE holding h SET reserved_qty = coalesce(s.qty, 0)
  FROM holding one
  LEFT JOIN (
       SELECT symbol, sum(qty) AS qty FROM (
           SELECT symbol, qty - filled_qty AS qty FROM trade_order
            WHERE account_id = %(account)s AND side = 'sell' AND role IS NULL AND status NOT IN {_ENDED}
           UNION ALL
           SELECT symbol, group_left(group_id) FROM trade_order
            WHERE account_id = %(account)s AND group_id IS NOT NULL GROUP BY symbol, group_id
           HAVING bool_or(role <> 'entry' AND status NOT IN {_ENDED})
       ) AS sales GROUP BY symbol) AS s ON s.symbol = one.symbol
 WHERE one.account_id = %(account)s AND h.account_id = one.account_id AND h.symbol = one.symbol
   AND h.reserved_qty <> coalesce(s.qty, 0)
"""

NEEDS_HOLDINGS = f"""
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
SELECT DISTINCT %(account)s::uuid, o.symbol, 0, 0, 0, 0, %(at)s::timestamptz, %(at)s::timestamptz FROM trade_order o
 WHERE o.account_id = %(account)s AND o.side = 'sell' AND o.status NOT IN {_ENDED} ON CONFLICT DO NOTHING
"""

# --- open orders ------------------------------------------------------------------------------------------------------

GRIDS = "SELECT symbol, tick_size, lot_size FROM instrument WHERE venue = %s AND symbol = ANY (%s)"

ORDER_CHANGES = """
SELECT r.action_id, r.revision, r.verb, r.before, r.after, r.why FROM action_order r
 WHERE r.account_id = %s ORDER BY r.action_id, r.revision, r.order_id
"""

PUT_ORDER_CHANGE = """
INSERT INTO action_order (order_id, action_id, revision, account_id, verb, why, before, after, filled_more_qty,
                          venue_at, booked_at)
VALUES (%(order)s, %(action_id)s, %(revision)s, %(account)s, %(verb)s, %(why)s, %(before)s::jsonb, %(after)s::jsonb,
        %(filled_more)s, %(at)s, %(now)s)
"""

CHANGE_ORDER = """
UPDATE trade_order
   SET symbol = %(symbol)s, qty = CASE WHEN notional IS NULL THEN %(qty)s ELSE greatest(qty, %(filled_qty)s) END,
       filled_qty = %(filled_qty)s,
       limit_price = %(limit_price)s, stop_price = %(stop_price)s, trail_amount = %(trail_amount)s, water = %(water)s,
       cond_symbol = coalesce(%(cond_symbol)s, cond_symbol), cond_price = coalesce(%(cond_price)s, cond_price),
       shared_qty = %(shared_qty)s, held = %(held)s, reserved = %(reserved)s, reserve_per_share = %(per_share)s,
       revision = revision + 1, updated_at = %(now)s
 WHERE id = %(order)s
"""

# What an order that ended had filled, in new shares: its siblings count it.
RETELL_FILLED = """
UPDATE trade_order
   SET filled_qty = %(filled_qty)s, qty = greatest(%(filled_qty)s, %(qty)s), shared_qty = %(shared_qty)s,
       revision = revision + 1, updated_at = %(now)s
 WHERE id = %(order)s
"""

MOVE_ORDER = "SELECT move_order(%(order)s, ARRAY[%(step)s]::text[], ARRAY[%(from)s]::text[], %(why)s, %(at)s, %(now)s)"

DROP_OUTBOX = "DELETE FROM outbox WHERE order_id = %s"

# --- values of former days --------------------------------------------------------------------------------------------

POINTS_SINCE = """
SELECT s.venue_at, c.symbols, c.qtys, c.worths, coalesce(c.entry_id, 0)
  FROM equity_snapshot s LEFT JOIN account_close c ON c.account_id = s.account_id AND c.venue_at = s.venue_at
 WHERE s.account_id = %(account)s AND s.venue_at >= %(since)s ORDER BY s.venue_at
"""

MOVE_POINT = """
UPDATE equity_snapshot SET cash = cash + %(cash)s, equity = equity + %(equity)s
 WHERE account_id = %(account)s AND venue_at = %(at)s
"""

MOVE_CLOSE = """
UPDATE account_close
   SET symbols = %(symbols)s, qtys = %(qtys)s::numeric[], worths = %(worths)s::numeric[],
       later_ids = later_ids || %(entries)s::bigint[]
 WHERE account_id = %(account)s AND venue_at = %(at)s
"""

# --- problems ---------------------------------------------------------------------------------------------------------

FREEZE = "UPDATE account SET frozen_reason = %(reason)s WHERE id = %(account)s AND frozen_reason IS NULL"

THAW = "UPDATE account SET frozen_reason = NULL WHERE id = %(account)s AND starts_with(frozen_reason, %(problem)s)"

# --- cash in lieu -----------------------------------------------------------------------------------------------------

# Reverse splits of the last days whose parts of shares nobody has priced, with the open of the day where it is known.
UNPRICED = """
SELECT t.action_id, t.revision, t.symbol, t.ex_on, t.currency, t.numerator, t.denominator,
       (SELECT b.open FROM bar b
         WHERE b.venue = t.venue AND b.symbol = t.symbol AND b.interval = '1d'
           AND (b.starts_at AT TIME ZONE %(zone)s)::date = t.ex_on ORDER BY b.seed DESC LIMIT 1) AS opened_at
  FROM (SELECT DISTINCT ON (action_id) * FROM action_told
         WHERE venue = %(venue)s
           AND action_id IN (SELECT action_id FROM action_told
                              WHERE venue = %(venue)s AND kind = 'split' AND ex_on <= %(today)s AND ex_on > %(since)s)
         ORDER BY action_id, revision DESC) AS t
 WHERE t.kind = 'split' AND t.numerator < t.denominator AND t.price IS NULL
   AND t.ex_on <= %(today)s AND t.ex_on > %(since)s
   AND EXISTS (SELECT FROM holding h JOIN account a ON a.id = h.account_id
                WHERE a.venue = t.venue AND a.broker = ANY (%(brokers)s) AND a.closed_at IS NULL AND h.symbol = t.symbol
                  AND h.signed_qty %% 1 <> 0)
"""

# --- for people -------------------------------------------------------------------------------------------------------

RECORDS = f"""
SELECT p.id, p.action_id, p.revision, p.turn, p.undoing, p.symbol, p.ex_on, p.kind, p.words, p.figures, p.entry_ids,
       p.booked_at,
       EXISTS (SELECT FROM action_posting u
                WHERE u.account_id = p.account_id AND u.action_id = p.action_id AND u.revision = p.revision
                  AND u.turn = p.turn AND u.undoing AND NOT p.undoing) AS undone
  FROM action_posting p JOIN account a ON a.id = p.account_id
 WHERE p.account_id = %(account)s AND {MAY_SEE} AND (%(symbol)s::text IS NULL OR p.symbol = %(symbol)s)
   AND (%(before)s::bigint IS NULL OR p.id < %(before)s)
 ORDER BY p.id DESC LIMIT %(limit)s
"""

ORDER_RECORDS = f"""
SELECT r.order_id, r.action_id, r.revision, r.verb, r.why, r.before, r.after, r.booked_at
  FROM action_order r JOIN account a ON a.id = r.account_id
 WHERE r.account_id = %(account)s AND {MAY_SEE} AND r.verb <> 'keep'
   AND (%(order)s::uuid IS NULL OR r.order_id = %(order)s)
 ORDER BY r.booked_at DESC, r.order_id LIMIT %(limit)s
"""

PROBLEM_OF = f"""
SELECT a.frozen_reason FROM account a
 WHERE a.id = %(account)s AND {MAY_SEE} AND starts_with(a.frozen_reason, %(problem)s)
"""

ACCOUNT_OF_ORDER = f"""
SELECT o.account_id FROM trade_order o JOIN account a ON a.id = o.account_id WHERE o.id = %(order)s AND {MAY_SEE}
"""

REVISIONS_OF = """
SELECT id, action_id, revision, symbol, ex_on, currency, kind, numerator, denominator, price, cost_pct, to_symbol,
       provider, told_at
  FROM action_told WHERE venue = %(venue)s AND (symbol = %(symbol)s OR to_symbol = %(symbol)s) ORDER BY id DESC
 LIMIT %(limit)s
"""

LAST_REVISION = """
SELECT revision, symbol, currency FROM action_told
 WHERE venue = %(venue)s AND action_id = %(action_id)s ORDER BY revision DESC LIMIT 1
"""

KNOWN_INSTRUMENT = "SELECT 1 FROM instrument WHERE venue = %(venue)s AND symbol = %(symbol)s"
