"""Every SQL statement about imports and the accounts they go into."""

# --- accounts --------------------------------------------------------------------------------------------------------

PUT_TRACKED = "INSERT INTO tracked_account (account_id) VALUES (%s)"

# The account of an import, locked for as long as its books change.
LOCK_ACCOUNT = """
SELECT currency, closed_at IS NOT NULL, frozen_reason FROM account
 WHERE id = %s AND broker = 'tracked' FOR NO KEY UPDATE
"""

# --- imports ---------------------------------------------------------------------------------------------------------

_COLUMNS = """
       i.id, i.account_id, a.name AS account_name, a.currency, i.origin, i.file_name, i.file_bytes, i.state, i.words,
       i.format, i.mapping, i.symbols, i.columns, i.summary, i.done_count, i.whole_count, i.created_at, i.booked_at,
       i.undone_at,
       i.cancel_asked_at IS NOT NULL AS is_canceling
  FROM portfolio_import i JOIN account a ON a.id = i.account_id
"""

IMPORT = f"SELECT {_COLUMNS} WHERE i.id = %(import)s AND i.user_id = %(user)s"

IMPORTS = f"""
SELECT {_COLUMNS}
 WHERE i.user_id = %(user)s AND (%(account)s::uuid IS NULL OR i.account_id = %(account)s)
   AND (%(before)s::timestamptz IS NULL OR i.created_at < %(before)s)
 ORDER BY i.created_at DESC, i.id LIMIT %(limit)s
"""

# How many of a person's are under way (their files are kept), and how many bytes these are together.
UNDER_WAY = """
SELECT count(*), coalesce(sum(file_bytes), 0) FROM portfolio_import
 WHERE user_id = %s AND state IN ('uploaded', 'reading', 'needs_mapping', 'read', 'confirmed', 'booking')
"""

PUT_IMPORT = """
INSERT INTO portfolio_import (id, account_id, user_id, origin, file_name, file_bytes, state, format_asked, mapping,
                              format, summary, created_at, changed_at)
VALUES (%(id)s, %(account)s, %(user)s, %(origin)s, %(file_name)s, %(file_bytes)s, %(state)s, %(format_asked)s,
        %(mapping)s::jsonb, %(format)s, %(summary)s::jsonb, %(now)s, %(now)s)
"""

PUT_FILE = """
INSERT INTO import_file (import_id, content_nonce, content, nonce, ciphertext, key_version, wrapped_key, kek_version)
VALUES (%(import)s, %(content_nonce)s, %(content)s, %(nonce)s, %(ciphertext)s, %(key_version)s, %(wrapped_key)s,
        %(kek_version)s)
"""

FILE = """
SELECT content_nonce, content, nonce, ciphertext, key_version, wrapped_key, kek_version
  FROM import_file WHERE import_id = %s
"""

DROP_FILE = "DELETE FROM import_file WHERE import_id = %s"

LINES = """
SELECT outcome, place, line_no, words, kind, at, symbol, qty, price, cash, currency, said, is_repeat
  FROM import_line WHERE import_id = %(import)s AND outcome = %(outcome)s AND place >= %(after)s
 ORDER BY place LIMIT %(limit)s
"""

# A person's step: from one of the states where it may be taken, as one statement.
ASK_READ = """
UPDATE portfolio_import SET state = 'uploaded', format_asked = %(format)s, mapping = %(mapping)s::jsonb, words = '',
       symbols = symbols || %(symbols)s::jsonb,
       done_count = 0, whole_count = NULL, claim = NULL, changed_at = %(now)s
 WHERE id = %(import)s AND user_id = %(user)s AND state IN ('needs_mapping', 'read', 'failed') AND origin = 'file'
   AND EXISTS (SELECT FROM import_file f WHERE f.import_id = %(import)s)
"""

CONFIRM = """
UPDATE portfolio_import SET state = 'confirmed', words = '', done_count = 0, claim = NULL, changed_at = %(now)s,
       whole_count = (SELECT count(*) FROM import_booking b WHERE b.import_id = %(import)s)
 WHERE id = %(import)s AND user_id = %(user)s AND state = 'read'
   AND EXISTS (SELECT FROM import_booking b WHERE b.import_id = %(import)s)
"""

# Nobody works on it: it ends at once. Otherwise the worker is asked to leave off.
CANCEL = """
UPDATE portfolio_import SET cancel_asked_at = %(now)s, changed_at = %(now)s,
       state = CASE WHEN state IN ('reading', 'booking') THEN state ELSE 'canceled' END
 WHERE id = %(import)s AND user_id = %(user)s
   AND state IN ('uploaded', 'reading', 'needs_mapping', 'read', 'confirmed', 'booking') RETURNING state
"""

UNDO = """
UPDATE portfolio_import SET state = 'undoing', words = '', done_count = 0, claim = NULL, cancel_asked_at = NULL,
       whole_count = (SELECT count(*) FROM import_booking b WHERE b.import_id = %(import)s AND b.entry_id IS NOT NULL),
       changed_at = %(now)s
 WHERE id = %(import)s AND user_id = %(user)s AND state = 'booked'
"""

# --- the worker's part -----------------------------------------------------------------------------------------------

# What is due, the oldest first. Only the leader asks, so that what is under way was left by a worker that is gone.
DUE = """
SELECT i.id, i.account_id, i.user_id, i.state, i.origin, i.format_asked, i.mapping, i.symbols, a.currency, a.venue
  FROM portfolio_import i JOIN account a ON a.id = i.account_id
 WHERE i.state IN ('uploaded', 'reading', 'confirmed', 'booking', 'undoing') ORDER BY i.created_at LIMIT 1
"""

CLAIM = """
UPDATE portfolio_import SET state = %(to)s, claim = %(claim)s, done_count = 0, changed_at = %(now)s
 WHERE id = %(import)s AND state = %(from)s
"""

PROGRESS = """
UPDATE portfolio_import SET done_count = %(done)s, changed_at = %(now)s
 WHERE id = %(import)s AND claim = %(claim)s RETURNING cancel_asked_at IS NOT NULL
"""

# The end of a worker's step. Nothing is written for whoever was overtaken.
FINISH = """
UPDATE portfolio_import SET state = %(state)s::text, words = %(words)s, changed_at = %(now)s, claim = NULL,
       format = coalesce(%(format)s::text, format), columns = coalesce(%(columns)s::jsonb, columns),
       summary = coalesce(%(summary)s::jsonb, summary),
       booked_at = CASE WHEN %(state)s::text = 'booked' AND state = 'booking' THEN %(now)s ELSE booked_at END,
       undone_at = CASE WHEN %(state)s::text = 'undone' THEN %(now)s ELSE undone_at END
 WHERE id = %(import)s AND claim = %(claim)s
"""

KNOWN = "SELECT DISTINCT fingerprint FROM import_booking WHERE account_id = %s AND entry_id IS NOT NULL AND NOT undone"

# What the person called securities of former files, the newest last; and what instruments say their ISIN is.
NAMED_BEFORE = """
SELECT symbols FROM portfolio_import WHERE user_id = %s AND symbols <> '{}'::jsonb ORDER BY created_at DESC LIMIT 50
"""

BY_ISIN = "SELECT isin, symbol FROM instrument WHERE venue = %s AND isin IS NOT NULL ORDER BY symbol"

FORGET_READING = (
    "DELETE FROM import_line WHERE import_id = %s",
    "DELETE FROM import_booking WHERE import_id = %s AND entry_id IS NULL",
)

# Rows as JSON: a table behind row-level security takes no COPY.
PUT_LINES = """
INSERT INTO import_line (import_id, outcome, place, line_no, kind, at, symbol, qty, price, cash, currency, said,
                         is_repeat, words)
SELECT %(import)s, r.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
       outcome text, place integer, line_no integer, kind text, at timestamptz, symbol text, qty numeric, price text,
       cash text, currency text, said text, is_repeat boolean, words text)
"""

PUT_BOOKINGS = """
INSERT INTO import_booking (import_id, account_id, place, part, turn, fingerprint, kind, description, venue_at,
                            accounts, commodities, amounts, reverses, said_id, moved)
SELECT %(import)s, %(account)s, r.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
       place integer, part smallint, turn integer, fingerprint text, kind text, description text, venue_at timestamptz,
       accounts text[], commodities text[], amounts numeric[], reverses text, said_id bigint, moved jsonb)
"""

# Files of imports that nobody went on with; what was read of them goes as well.
FORGET_STALE = """
UPDATE portfolio_import SET state = 'canceled', words = 'It was left for a day.', changed_at = %(now)s
 WHERE state IN ('needs_mapping', 'read') AND changed_at < %(before)s
"""

DROP_ENDED_FILES = """
DELETE FROM import_file f USING portfolio_import i
 WHERE i.id = f.import_id AND i.state NOT IN ('uploaded', 'reading', 'needs_mapping', 'read', 'confirmed', 'booking')
   AND i.changed_at < %(before)s
"""

DROP_ENDED_LINES = """
DELETE FROM import_line l USING portfolio_import i
 WHERE i.id = l.import_id AND i.state IN ('canceled', 'failed') AND i.changed_at < %(before)s
"""

DROP_ENDED_BOOKINGS = """
DELETE FROM import_booking b USING portfolio_import i
 WHERE i.id = b.import_id AND i.state IN ('canceled', 'failed') AND i.changed_at < %(before)s AND b.entry_id IS NULL
"""

# --- booking ---------------------------------------------------------------------------------------------------------

# Shares that left or came, of which the file does not say what they were worth.
WITHOUT_WORTH = """
SELECT place, part, kind, venue_at, accounts, commodities, amounts FROM import_booking
 WHERE import_id = %s AND entry_id IS NULL AND kind IN ('transfer_in', 'transfer_out')
   AND NOT 'equity:deposits' = ANY (accounts)
 ORDER BY place, part
"""

PUT_WORTH = """
UPDATE import_booking SET description = %(words)s, accounts = %(accounts)s, commodities = %(commodities)s,
       amounts = %(amounts)s::numeric[]
 WHERE import_id = %(import)s AND place = %(place)s AND part = %(part)s
"""

SAY_WORTH = """
UPDATE import_line SET words = %(words)s WHERE import_id = %(import)s AND outcome = 'booked' AND place = %(place)s
"""

DROP_WORTHLESS = (
    "DELETE FROM import_booking WHERE import_id = %(import)s AND place = ANY (%(places)s) AND entry_id IS NULL"
)

MARK_WORTHLESS = """
UPDATE import_line SET outcome = 'not_booked', place = place + 1000000, words = %(words)s
 WHERE import_id = %(import)s AND outcome = 'booked' AND place = ANY (%(places)s)
"""

# What another import has booked since this one was read: it is known now, and not booked twice.
DROP_KNOWN_SINCE = """
DELETE FROM import_booking mine
 WHERE mine.import_id = %(import)s AND mine.entry_id IS NULL
   AND EXISTS (SELECT FROM import_booking o WHERE o.account_id = %(account)s AND o.fingerprint = mine.fingerprint
                  AND o.entry_id IS NOT NULL AND NOT o.undone)
RETURNING mine.place
"""

MARK_KNOWN_SINCE = """
UPDATE import_line SET outcome = 'known', place = place + 1000000,
       words = 'It was booked by another import meanwhile.'
 WHERE import_id = %(import)s AND outcome = 'booked' AND place = ANY (%(places)s)
"""

LAST_TURN = "SELECT max(turn), count(*) FROM import_booking WHERE import_id = %s"

# Symbols whose shares go below zero at some time, each with the least it has and when, of the entries that stand and
# of those the import would add (`adds`), or without its own (`takes`). Shares that come are before those that go.
BELOW_ZERO = """
WITH moves AS (
    SELECT leg.commodity AS symbol, e.venue_at AS at, leg.amount
      FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
     WHERE e.account_id = %(account)s AND leg.account = 'assets:holding' AND e.reverses IS NULL
       AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
       AND (NOT %(takes)s OR NOT EXISTS (
            SELECT FROM import_booking b WHERE b.import_id = %(import)s AND b.entry_id = e.id))
    UNION ALL
    SELECT leg.commodity, b.venue_at, leg.amount
      FROM import_booking b, unnest(b.accounts, b.commodities, b.amounts) AS leg (account, commodity, amount)
     WHERE %(adds)s AND b.import_id = %(import)s AND b.entry_id IS NULL AND leg.account = 'assets:holding'
), running AS (
    SELECT symbol, at, sum(amount) OVER (PARTITION BY symbol ORDER BY at, amount < 0
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS qty
      FROM moves
)
SELECT symbol, min(qty) AS least, min(at) FILTER (WHERE qty < 0) AS since
  FROM running GROUP BY symbol HAVING min(qty) < 0 ORDER BY symbol
"""

# --- folding what stands ---------------------------------------------------------------------------------------------

# Every entry of the account that stands, in the order of time: cash, what was paid in, and the shares it moved.
STANDING = """
SELECT e.id, e.kind, e.venue_at,
       coalesce(sum(leg.amount) FILTER (WHERE leg.account = 'assets:cash'), 0) AS cash,
       coalesce(-sum(leg.amount) FILTER (WHERE leg.account = 'equity:deposits'), 0) AS paid_in,
       coalesce(t.cost, sum(leg.amount) FILTER (WHERE leg.account = 'equity:trading' AND leg.commodity = a.currency), 0)
       AS worth,
       coalesce(array_agg(leg.commodity) FILTER (WHERE leg.account = 'assets:holding'), '{}') AS symbols,
       coalesce(array_agg(leg.amount) FILTER (WHERE leg.account = 'assets:holding'), '{}') AS qtys
  FROM ledger_entry e JOIN account a ON a.id = e.account_id
  LEFT JOIN lot_transfer t ON t.in_entry_id = e.id AND t.ended_at IS NULL
 CROSS JOIN LATERAL unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = %(account)s AND e.reverses IS NULL
   AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)
 GROUP BY e.id, t.cost ORDER BY e.venue_at, e.id
"""

# Of one symbol alone: statements of their own, so that neither is planned with the other in mind.
OF_SYMBOL = "AND e.reverses IS NULL AND %(symbol)s = ANY (e.commodities)"
STANDING_OF = STANDING.replace("AND e.reverses IS NULL", OF_SYMBOL)
BELOW_ZERO_OF = BELOW_ZERO.replace("AND e.reverses IS NULL", f"{OF_SYMBOL} AND leg.commodity = %(symbol)s")

CASH_OF_JOURNAL = """
SELECT coalesce(sum(leg.amount), 0)
  FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
 WHERE e.account_id = %(account)s AND leg.account = 'assets:cash' AND leg.commodity = %(currency)s
"""

PUT_CASH = (
    "UPDATE account SET cash = %(cash)s, opened_venue_at = coalesce(%(opened)s, created_at) WHERE id = %(account)s"
)

# An account begins with its first entry that stands, which shares that were moved may be.
PUT_OPENED = """
UPDATE account a SET opened_venue_at = coalesce((
       SELECT min(e.venue_at) FROM ledger_entry e
        WHERE e.account_id = a.id AND e.reverses IS NULL
          AND NOT EXISTS (SELECT FROM ledger_entry r WHERE r.reverses = e.id)), a.created_at)
 WHERE a.id = %(account)s
"""

CLEAR_HOLDINGS = """
DELETE FROM holding WHERE account_id = %(account)s AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
"""

PUT_HOLDINGS = """
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
SELECT %(account)s, symbol, qty, cost, realized, 0, at, %(now)s
  FROM unnest(%(symbols)s::text[], %(qtys)s::numeric[], %(costs)s::numeric[], %(realized)s::numeric[],
              %(since)s::timestamptz[]) AS given (symbol, qty, cost, realized, at)
"""

# What shares that went to another account of one's own had cost, as the account that they came from is told now.
RETELL_COSTS = """
UPDATE lot_transfer t SET cost = told.cost
  FROM unnest(%(entries)s::bigint[], %(costs)s::numeric[]) AS told (entry_id, cost)
 WHERE t.out_entry_id = told.entry_id AND t.ended_at IS NULL AND t.cost <> told.cost RETURNING t.to_account_id
"""

# An account and all that its shares went on to, in the order in which locks are taken.
LOCK_FOLLOWING = """
WITH RECURSIVE following (id) AS (
    SELECT %(account)s::uuid
    UNION SELECT t.to_account_id FROM lot_transfer t JOIN following f ON f.id = t.from_account_id
)
SELECT a.id FROM account a WHERE a.id IN (SELECT id FROM following) ORDER BY a.id FOR NO KEY UPDATE
"""

DROP_ACTION_MARK = "DELETE FROM action_mark WHERE account_id = %s"

# --- values of former days -------------------------------------------------------------------------------------------

MARK_STALE = "UPDATE tracked_account SET stale_since = %(now)s WHERE account_id = %(account)s"

STALE = """
SELECT t.account_id, a.currency, a.venue, t.stale_since FROM tracked_account t JOIN account a ON a.id = t.account_id
 WHERE t.stale_since IS NOT NULL AND a.closed_at IS NULL
   AND NOT EXISTS (SELECT FROM portfolio_import i
                    WHERE i.account_id = t.account_id AND i.state IN ('booking', 'undoing'))
 ORDER BY t.stale_since LIMIT 1
"""

MARK_ALL_STALE = """
UPDATE tracked_account t SET stale_since = %(now)s FROM account a
 WHERE a.id = t.account_id AND a.closed_at IS NULL AND t.stale_since IS NULL
"""

SESSIONS = """
SELECT session_on, closes_at FROM market_session
 WHERE exchange = %(exchange)s AND closes_at >= %(after)s AND closes_at <= %(until)s ORDER BY closes_at
"""

CLOSES = """
SELECT symbol, array_agg((starts_at AT TIME ZONE %(zone)s)::date ORDER BY starts_at),
       array_agg(close ORDER BY starts_at)
  FROM bar
 WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) AND interval = '1d' AND seed = 0 AND ends_at <= %(until)s
   AND starts_at >= %(after)s
 GROUP BY symbol
"""

SPLITS = """
SELECT symbol, ex_on, numerator, denominator, provider FROM corporate_split WHERE symbol = ANY (%s)
 ORDER BY symbol, ex_on
"""

QUOTED_IN = "SELECT symbol, currency FROM instrument WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s)"

CLEAR_VALUES = (
    "DELETE FROM equity_snapshot WHERE account_id = %s",
    "DELETE FROM account_close WHERE account_id = %s",
)

PUT_VALUES = """
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)
SELECT %(account)s, r.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
       at timestamptz, equity numeric, cash numeric, paid_in numeric)
"""

PUT_CLOSES = """
INSERT INTO account_close (account_id, venue_at, entry_id, symbols, qtys, worths)
SELECT %(account)s, r.at, r.entry_id, r.symbols, r.qtys,
       (SELECT coalesce(array_agg(round(worth / 1000000, 6) ORDER BY place), '{}')
          FROM unnest(r.worth_micros) WITH ORDINALITY AS one (worth, place))
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
       at timestamptz, entry_id bigint, symbols text[], qtys numeric[], worth_micros numeric[])
"""

VALUED = """
UPDATE tracked_account SET valued_at = %(now)s, unpriced = %(unpriced)s,
       stale_since = CASE WHEN stale_since = %(since)s THEN NULL ELSE stale_since END
 WHERE account_id = %(account)s
"""

NOT_VALUED = "UPDATE tracked_account SET stale_since = NULL, unpriced = %(words)s WHERE account_id = %(account)s"

LAST_ENTRY = "SELECT coalesce(max(id), 0) FROM ledger_entry WHERE account_id = %s"

UNPRICED = "SELECT unpriced, stale_since IS NOT NULL FROM tracked_account WHERE account_id = %s"

# --- mappings --------------------------------------------------------------------------------------------------------

MAPPINGS = "SELECT id, name, mapping, updated_at FROM import_mapping WHERE user_id = %s ORDER BY lower(name)"

COUNT_MAPPINGS = "SELECT count(*) FROM import_mapping WHERE user_id = %(user)s AND name <> %(name)s"

KEEP_MAPPING = """
INSERT INTO import_mapping (id, user_id, name, mapping, updated_at)
VALUES (%(id)s, %(user)s, %(name)s, %(mapping)s::jsonb, %(now)s)
    ON CONFLICT (user_id, name) DO UPDATE SET mapping = excluded.mapping, updated_at = excluded.updated_at
RETURNING id, name, mapping, updated_at
"""

DROP_MAPPING = "DELETE FROM import_mapping WHERE id = %(id)s AND user_id = %(user)s"

# Accounts in which something stands at cost since a price or rate was not known.
TELL_ANEW = """
UPDATE tracked_account t SET stale_since = %(now)s FROM account a
 WHERE a.id = t.account_id AND a.currency <> 'USD' AND cardinality(t.unpriced) > 0 AND t.stale_since IS NULL
"""
