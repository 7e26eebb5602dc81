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
         WHERE a.id IN (t.from_account_id, t.to_account_id) AND a.user_id = %(user)s) = 2 AS own,
       CASE WHEN t.ended_at IS NOT NULL OR 'paper' <> ALL (
                 SELECT a.broker FROM account a WHERE a.id IN (t.from_account_id, t.to_account_id)) THEN ''
            WHEN EXISTS (SELECT FROM account_close c WHERE c.account_id IN (t.from_account_id, t.to_account_id)
                            AND c.venue_at >= t.venue_at) THEN 'closed'
            WHEN EXISTS (SELECT FROM ledger_entry e
                          WHERE e.account_id IN (t.from_account_id, t.to_account_id)
                            AND e.id > least(t.out_entry_id, t.in_entry_id)
                            AND e.id NOT IN (t.out_entry_id, t.in_entry_id)
                            AND t.symbol = ANY (e.commodities)) THEN 'traded'
            ELSE '' END AS stays
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

# Which entries of an account are one side of a move that stands. Which lots went is the leaving side's to say: a method
# that was the account's own is said as well, for wherever the file is read the account has another.
SIDES = f"""
SELECT sides.entry_id, sides.side, coalesce(t.mark, t.id) AS mark,
       (SELECT a.name FROM account a WHERE a.id = sides.other_id AND {MAY_SEE}) AS other,
       CASE WHEN sides.side = 'out' AND cardinality(t.lots) = 0 THEN coalesce(t.method, nullif((
            SELECT m.method FROM lot_method m
             WHERE m.account_id = t.from_account_id AND m.after_entry_id < t.out_entry_id
             ORDER BY m.id DESC LIMIT 1), 'average'), 'fifo') END AS method,
       CASE sides.side WHEN 'out' THEN t.lots ELSE ARRAY[]::text[] END AS lots,
       CASE sides.side WHEN 'out' THEN t.lot_qtys ELSE ARRAY[]::numeric[] END AS qtys
  FROM lot_transfer t
 CROSS JOIN LATERAL (VALUES (t.out_entry_id, 'out', t.from_account_id, t.to_account_id),
                            (t.in_entry_id, 'in', t.to_account_id, t.from_account_id))
       AS sides (entry_id, side, account_id, other_id)
 WHERE sides.account_id = %(account)s AND t.ended_at IS NULL
"""

# What files say is one side, where its other is not here.
SIDES_ALONE = """
SELECT b.entry_id, b.moved FROM import_booking b
 WHERE b.account_id = %(account)s AND b.moved IS NOT NULL AND b.entry_id IS NOT NULL AND NOT b.undone
   AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = b.entry_id)
   AND NOT EXISTS (SELECT FROM lot_transfer t
                    WHERE t.ended_at IS NULL AND b.entry_id IN (t.out_entry_id, t.in_entry_id))
"""

SAID_IDS = """
SELECT b.said_id, b.entry_id FROM import_booking b
 WHERE b.account_id = %(account)s AND b.said_id IS NOT NULL AND b.entry_id IS NOT NULL AND NOT b.undone
"""

HELD_AT = """
SELECT coalesce(sum(leg.amount), 0)
  FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = %(account)s AND e.venue_at <= %(at)s AND leg.account = 'assets:holding'
   AND leg.commodity = %(symbol)s AND %(symbol)s = ANY (e.commodities) AND e.reverses IS NULL
   AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
"""
