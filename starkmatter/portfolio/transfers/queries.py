"""Every SQL statement about moving shares between accounts."""

from starkmatter.accounts.sharing.queries import MAY_SEE

LOCK_BOTH = """
SELECT id, cash, reserved FROM account WHERE id = ANY (%s) AND closed_at IS NULL AND frozen_reason IS NULL
 ORDER BY id FOR NO KEY UPDATE
"""

HELD = """
SELECT account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty FROM holding
 WHERE account_id = ANY (%s) ORDER BY account_id, symbol FOR UPDATE
"""

PUT_HELD = """
INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%(account)s, %(symbol)s, %(qty)s, %(cost)s, %(realized)s, 0, %(at)s, %(at)s)
    ON CONFLICT (account_id, symbol) DO UPDATE
   SET signed_qty = excluded.signed_qty, cost_basis = excluded.cost_basis, updated_at = excluded.updated_at
"""

_COLUMNS = f"""
SELECT t.id, t.from_account_id, t.to_account_id, t.symbol, t.qty, t.worth, t.cost, t.origin, t.out_entry_id,
       t.in_entry_id, t.venue_at, t.booked_at, t.ended_at, t.lots, t.lot_qtys, t.method,
       (SELECT a.name FROM account a WHERE a.id = t.from_account_id AND {MAY_SEE}) AS from_name,
       (SELECT a.name FROM account a WHERE a.id = t.to_account_id AND {MAY_SEE}) AS to_name,
       (SELECT a.currency FROM account a WHERE a.id IN (t.from_account_id, t.to_account_id) LIMIT 1) AS currency,
       (SELECT count(*) FROM account a
         WHERE a.id IN (t.from_account_id, t.to_account_id) AND a.user_id = %(user)s) = 2 AS own
  FROM lot_transfer t
 WHERE EXISTS (SELECT FROM account a WHERE a.id IN (t.from_account_id, t.to_account_id) AND {MAY_SEE})
"""

TRANSFERS = f"""
{_COLUMNS}
   AND (%(account)s::uuid IS NULL OR %(account)s IN (t.from_account_id, t.to_account_id))
   AND (%(before)s::timestamptz IS NULL OR t.booked_at < %(before)s)
 ORDER BY t.booked_at DESC, t.id LIMIT %(limit)s
"""

TRANSFER = f"{_COLUMNS} AND t.id = %(id)s"

LOCK_TRANSFER = "SELECT cost FROM lot_transfer WHERE id = %s AND ended_at IS NULL FOR UPDATE"

END = "UPDATE lot_transfer SET ended_at = %(now)s WHERE id = %(id)s AND ended_at IS NULL"

REVERSE = """
INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts, reverses)
SELECT e.account_id, e.kind, 'Taken back: ' || e.description, e.venue_at, %(now)s, e.accounts, e.commodities,
       (SELECT array_agg(-amount ORDER BY place) FROM unnest(e.amounts) WITH ORDINALITY AS leg (amount, place)), e.id
  FROM ledger_entry e WHERE e.id = ANY (%(entries)s) ORDER BY e.id
"""

# Whether anything else moved these shares since, or a day closed with them: then nothing is as it was.
GONE_ON = """
SELECT EXISTS (SELECT FROM ledger_entry e, unnest(e.accounts, e.commodities) AS leg (account, commodity)
                WHERE e.account_id = ANY (%(accounts)s) AND e.id > %(after)s AND NOT e.id = ANY (%(entries)s)
                  AND leg.account = 'assets:holding' AND leg.commodity = %(symbol)s),
       EXISTS (SELECT FROM account_close c WHERE c.account_id = ANY (%(accounts)s) AND c.venue_at >= %(at)s)
"""

# Points that know of shares that are not there any more; the first of an account stays.
DROP_POINTS = """
DELETE FROM equity_snapshot s
 WHERE s.account_id = ANY (%(accounts)s) AND s.venue_at >= %(at)s
   AND s.venue_at > (SELECT min(f.venue_at) FROM equity_snapshot f WHERE f.account_id = s.account_id)
"""

HELD_AT = """
SELECT coalesce(sum(leg.amount), 0)
  FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = %(account)s AND e.venue_at <= %(at)s AND leg.account = 'assets:holding'
   AND leg.commodity = %(symbol)s AND e.reverses IS NULL
   AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
"""
