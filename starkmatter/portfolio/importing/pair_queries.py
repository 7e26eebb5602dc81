"""SQL of moves of shares that files tell: which two entries are the sides of one."""

# Shares that left one account of a person's and came to another within days, where nothing says yet that they are the
# same: the nearest of each. Both are tracked, of one currency, and hold the same symbol and quantity.
UNPAIRED = """
WITH sides AS (
    SELECT e.id, e.account_id, e.kind, e.venue_at, leg.commodity AS symbol, abs(leg.amount) AS qty, a.user_id,
           a.currency, (SELECT b.moved ->> 'move' FROM import_booking b WHERE b.entry_id = e.id) AS mark,
           (SELECT abs(money.amount) FROM unnest(e.accounts, e.amounts) AS money (account, amount)
                         WHERE money.account = 'equity:deposits') AS worth
      FROM account mine
      JOIN account a ON a.user_id = mine.user_id AND a.broker = 'tracked' AND a.currency = mine.currency
                    AND a.closed_at IS NULL
      JOIN ledger_entry e ON e.account_id = a.id AND e.kind IN ('transfer_in', 'transfer_out') AND e.reverses IS NULL,
           unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
     WHERE mine.id = %(account)s AND leg.account = 'assets:holding'
       AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
       AND NOT EXISTS (SELECT FROM lot_transfer t WHERE t.ended_at IS NULL AND t.out_entry_id = e.id)
       AND NOT EXISTS (SELECT FROM lot_transfer t WHERE t.ended_at IS NULL AND t.in_entry_id = e.id)
)
SELECT gone.id, come.id, gone.account_id, come.account_id, gone.symbol, gone.qty,
       coalesce(gone.worth, come.worth, 0), gone.venue_at, coalesce(gone.mark, come.mark)::uuid
  FROM sides gone JOIN sides come
    ON gone.kind = 'transfer_out' AND come.kind = 'transfer_in' AND gone.account_id <> come.account_id
   AND gone.symbol = come.symbol AND gone.qty = come.qty
   AND come.venue_at BETWEEN gone.venue_at - interval '1 day' AND gone.venue_at + %(within)s
   AND coalesce(gone.mark = come.mark, TRUE)
 WHERE %(account)s IN (gone.account_id, come.account_id)
 ORDER BY greatest(come.venue_at - gone.venue_at, gone.venue_at - come.venue_at), gone.id, come.id
"""

# Sides that files of our own say are of one move with one in this account, where nothing else is said of them. What
# an import has just written is in no statistics: each step is linear whatever the planner takes the tables to be.
MARKED = """
WITH named AS MATERIALIZED (
    SELECT b.moved, b.entry_id
      FROM import_booking b
     WHERE b.moved IS NOT NULL AND NOT b.undone AND b.entry_id IS NOT NULL
       AND b.moved ->> 'move' = ANY (ARRAY(SELECT o.moved ->> 'move' FROM import_booking o
                                            WHERE o.account_id = %(account)s AND o.moved IS NOT NULL AND NOT o.undone))
)
SELECT b.moved, b.entry_id, e.kind, e.account_id, e.venue_at, leg.commodity, abs(leg.amount), a.user_id, a.currency,
       (SELECT abs(money.amount) FROM unnest(e.accounts, e.amounts) AS money (account, amount)
         WHERE money.account = 'equity:deposits')
  FROM named b
  JOIN ledger_entry e ON e.id = b.entry_id
  JOIN account a ON a.id = e.account_id AND a.broker = 'tracked' AND a.closed_at IS NULL,
       unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE leg.account = 'assets:holding'
   AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
   AND NOT EXISTS (SELECT FROM lot_transfer t WHERE t.ended_at IS NULL AND t.out_entry_id = e.id)
   AND NOT EXISTS (SELECT FROM lot_transfer t WHERE t.ended_at IS NULL AND t.in_entry_id = e.id)
 ORDER BY b.entry_id
"""

# Which entries the numbers of files have become, in the accounts of the one's person.
SAID_IDS = """
SELECT b.said_id, b.entry_id FROM import_booking b JOIN account a ON a.id = b.account_id
 WHERE a.user_id = (SELECT user_id FROM account WHERE id = %(account)s) AND b.said_id = ANY (%(ids)s)
   AND b.entry_id IS NOT NULL AND NOT b.undone
 ORDER BY b.account_id = ANY (%(accounts)s), b.entry_id
"""

# Sides of moves in a file whose other side is in none of the person's accounts: by the name of the other account.
ALONE = """
SELECT coalesce(mine.moved ->> 'account', ''), count(*)
  FROM import_booking mine JOIN account a ON a.id = mine.account_id
 WHERE mine.import_id = %(import)s AND mine.moved IS NOT NULL
   AND NOT EXISTS (SELECT FROM import_booking o JOIN account b ON b.id = o.account_id AND b.user_id = a.user_id
                    WHERE o.moved ->> 'move' = mine.moved ->> 'move' AND o.moved IS NOT NULL
                      AND o.moved ->> 'side' <> mine.moved ->> 'side' AND o.account_id <> mine.account_id
                      AND o.entry_id IS NOT NULL AND NOT o.undone)
 GROUP BY 1 ORDER BY 1
"""

PUT_PAIR = """
INSERT INTO lot_transfer (id, from_account_id, to_account_id, symbol, qty, worth, cost, method, lots, lot_qtys, origin,
                          out_entry_id, in_entry_id, venue_at, booked_at, mark)
VALUES (%(id)s, %(from)s, %(to)s, %(symbol)s, %(qty)s, %(worth)s, %(cost)s, %(method)s, %(lots)s, %(lot_qtys)s,
        %(origin)s, %(out)s, %(in)s, %(venue_at)s, %(now)s, %(mark)s)
"""

# Pairs one side of which was taken back are none.
END_PAIRS = """
UPDATE lot_transfer t SET ended_at = %(now)s
 WHERE t.ended_at IS NULL AND %(account)s IN (t.from_account_id, t.to_account_id)
   AND EXISTS (SELECT FROM ledger_entry r WHERE r.reverses IN (t.out_entry_id, t.in_entry_id)) RETURNING t.to_account_id
"""

# Shares of a file may be older than splits that were booked: these are told anew, by whoever books actions.
