"""Every SQL statement about tax lots."""

from starkmatter.accounts.sharing.queries import MAY_SEE

# The accounts of one taxpayer in one world that the caller may see: one market, one run of it, one kind of money, one
# currency (costs of two cannot be told from each other without rates, which nothing here applies).
TOGETHER = f"""
SELECT a.id, a.name, a.user_id = %(user)s AS own
  FROM account a JOIN account one ON one.id = %(account)s
 WHERE a.user_id = one.user_id AND a.venue = one.venue AND a.mode = one.mode AND a.currency = one.currency
   AND a.run_id IS NOT DISTINCT FROM one.run_id AND {MAY_SEE}
 ORDER BY a.created_at, a.id
"""

# How far the books of these accounts and the choices about their lots have come: nothing of it ever changes or goes.
POSITION = """
SELECT (SELECT count(*) FROM ledger_entry WHERE account_id = ANY (%(accounts)s)),
       (SELECT coalesce(max(id), 0) FROM ledger_entry WHERE account_id = ANY (%(accounts)s)),
       (SELECT count(*) FROM lot_method WHERE account_id = ANY (%(accounts)s)),
       (SELECT count(*) FROM lot_pick WHERE account_id = ANY (%(accounts)s)),
       (SELECT count(*) FROM order_lots WHERE account_id = ANY (%(accounts)s)),
       (SELECT count(*) FROM ledger_entry WHERE account_id = ANY (%(accounts)s) AND reverses IS NOT NULL),
       (SELECT count(*) + count(ended_at) FROM lot_transfer
         WHERE from_account_id = ANY (%(accounts)s) OR to_account_id = ANY (%(accounts)s)),
       (SELECT coalesce(sum(told_id), 0) + coalesce(sum(acted_on - '2000-01-01'::date), 0)
          FROM action_mark WHERE account_id = ANY (%(accounts)s))
"""

# What moved shares and stands (it is not taken back), in the order of its booking: `cash` with fees,
# `worth` what shares that came without a trade were
# booked at or had cost in the account they came from, `residue` what such shares cost by what is held and realized now
# (see `events.costs_of_arrivals`). The last columns are of those that have their other side in an account of one's own.
MOVES = """
SELECT e.id, e.account_id, e.kind, e.venue_at, held.commodity AS symbol, held.amount AS signed_qty,
       coalesce(money.cash, 0) AS cash, coalesce(sign(held.amount) * t.cost, money.cost, money.worth, 0) AS worth,
       h.cost_basis - h.realized_pl AS residue, e.order_id,
       CASE e.id WHEN t.out_entry_id THEN t.in_entry_id WHEN t.in_entry_id THEN t.out_entry_id END AS pair_id,
       t.to_account_id, t.method AS moved_by, t.lots AS moved_lots, t.lot_qtys AS moved_qtys
  FROM ledger_entry e
  JOIN account a ON a.id = e.account_id
 CROSS JOIN LATERAL unnest(e.accounts, e.commodities, e.amounts) AS held (account, commodity, amount)
 CROSS JOIN LATERAL (
       SELECT sum(leg.amount) FILTER (WHERE leg.account = 'assets:cash') AS cash,
              sum(leg.amount) FILTER (WHERE leg.account = 'memo:opening cost') AS cost,
              sum(leg.amount) FILTER (WHERE leg.account = 'equity:trading' AND leg.commodity = a.currency) AS worth
         FROM unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)) AS money
  LEFT JOIN lot_transfer t ON t.ended_at IS NULL AND e.id IN (t.out_entry_id, t.in_entry_id)
  LEFT JOIN holding h ON e.kind <> 'fill' AND h.account_id = e.account_id AND h.symbol = held.commodity
 WHERE e.account_id = ANY (%(accounts)s) AND e.id > %(after)s AND e.id <= %(upto)s
   AND (held.account = 'assets:holding' OR (e.kind = 'correction' AND held.account = 'assets:cash'))
   AND held.amount <> 0
   AND NOT (e.kind IN ('split', 'stock_dividend', 'symbol_change', 'spin_off', 'cash_in_lieu', 'delisting') AND EXISTS (
            SELECT FROM action_posting p
             WHERE p.account_id = e.account_id AND e.id = ANY (p.entry_ids)
               AND (p.undoing OR e.kind NOT IN ('cash_in_lieu', 'delisting') OR EXISTS (
                    SELECT FROM action_posting u
                     WHERE u.account_id = p.account_id AND u.action_id = p.action_id AND u.revision = p.revision
                       AND u.turn = p.turn AND u.undoing))))
   AND e.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
 ORDER BY e.id
"""

# What was told of shares that these accounts hold or held, as far as each account has been held against it.
ACTIONS = """
SELECT DISTINCT ON (m.account_id, t.action_id) m.account_id, a.broker,
       (a.opened_venue_at AT TIME ZONE %(zone)s)::date AS opened_on, m.acted_on,
       t.id, t.action_id, t.revision, t.symbol, t.ex_on, t.currency, t.kind, t.numerator, t.denominator, t.price,
       t.cost_pct, t.to_symbol, t.provider, t.told_at
  FROM action_mark m
  JOIN account a ON a.id = m.account_id
  JOIN action_told t ON t.venue = a.venue AND t.id <= m.told_id
 WHERE m.account_id = ANY (%(accounts)s) AND (t.kind IS NULL OR t.kind <> 'dividend')
   AND NOT EXISTS (SELECT FROM action_waived w WHERE w.account_id = m.account_id AND w.action_id = t.action_id
                      AND w.revision = t.revision)
   AND t.action_id IN (SELECT action_id FROM action_told WHERE venue = a.venue AND symbol IN (
                           SELECT h.symbol FROM holding h WHERE h.account_id = ANY (%(accounts)s)))
 ORDER BY m.account_id, t.action_id, t.revision DESC
"""

ENTRIES_AFTER = """
SELECT count(*) FROM ledger_entry WHERE account_id = ANY (%(accounts)s) AND id > %(after)s AND id <= %(upto)s
"""

METHODS = """
SELECT id, account_id, method, after_entry_id, venue_at, chosen_at FROM lot_method
 WHERE account_id = ANY (%(accounts)s) ORDER BY id
"""

PICKS = """
SELECT DISTINCT ON (entry_id) entry_id, lots, qtys FROM lot_pick
 WHERE account_id = ANY (%(accounts)s) ORDER BY entry_id, id DESC
"""

ORDER_CHOICES = """
SELECT order_id, method, venue_at FROM order_lots WHERE account_id = ANY (%(accounts)s) ORDER BY id
"""

LOCK_OWN = "SELECT closed_at IS NOT NULL FROM account WHERE id = %(account)s AND user_id = %(user)s FOR UPDATE"

LAST_ENTRY = "SELECT coalesce(max(id), 0) FROM ledger_entry WHERE account_id = %(account)s"

PUT_METHOD = """
INSERT INTO lot_method (account_id, method, after_entry_id, venue_at, chosen_at)
VALUES (%(account)s, %(method)s, %(after)s, %(venue_at)s, %(now)s)
"""

PUT_ORDER_METHOD = """
INSERT INTO order_lots (account_id, order_id, method, venue_at, chosen_at)
VALUES (%(account)s, %(order)s, %(method)s, %(venue_at)s, %(now)s)
"""

# A new beginning or a branch goes on by the method of the account it comes from.
TAKE_METHOD = """
INSERT INTO lot_method (account_id, method, after_entry_id, venue_at, chosen_at)
SELECT %(account)s, method, 0, venue_at, %(now)s FROM lot_method WHERE account_id = %(parent)s ORDER BY id DESC LIMIT 1
"""

PUT_PICK = """
INSERT INTO lot_pick (account_id, entry_id, lots, qtys, venue_at, chosen_at)
VALUES (%(account)s, %(entry)s, %(lots)s, %(qtys)s, %(venue_at)s, %(now)s)
"""
