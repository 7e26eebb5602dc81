"""Every SQL statement about watchlists; each names whose list it is."""

from typing import LiteralString

_COLUMNS: LiteralString = "id, venue, name, symbols, created_at, updated_at"

LISTS: LiteralString = f"""
SELECT {_COLUMNS} FROM watchlist WHERE user_id = %(user)s AND venue = %(venue)s ORDER BY position, created_at, id
"""

LIST: LiteralString = f"SELECT {_COLUMNS} FROM watchlist WHERE id = %(id)s AND user_id = %(user)s"

LOCK_LIST: LiteralString = f"{LIST} FOR UPDATE"

COUNT_LISTS: LiteralString = "SELECT count(*) FROM watchlist WHERE user_id = %(user)s AND venue = %(venue)s"

# Whoever has no list yet begins with what the venue knows; two windows that open at once make one.
FIRST_LIST: LiteralString = """
INSERT INTO watchlist (id, user_id, venue, name, position, symbols, created_at, updated_at)
SELECT %(id)s, %(user)s, %(venue)s, %(name)s, 0, known.symbols, %(now)s, %(now)s
  FROM (SELECT array_agg(symbol ORDER BY symbol) AS symbols
          FROM (SELECT symbol FROM instrument WHERE venue = %(venue)s ORDER BY symbol LIMIT %(limit)s) AS few) AS known
 WHERE known.symbols IS NOT NULL
   AND NOT EXISTS (SELECT FROM watchlist WHERE user_id = %(user)s AND venue = %(venue)s)
ON CONFLICT (user_id, venue, name) DO NOTHING
"""

NEW_LIST: LiteralString = """
INSERT INTO watchlist (id, user_id, venue, name, position, symbols, created_at, updated_at)
VALUES (%(id)s, %(user)s, %(venue)s::text, %(name)s,
        (SELECT coalesce(max(position) + 1, 0) FROM watchlist WHERE user_id = %(user)s AND venue = %(venue)s::text),
        %(symbols)s, %(now)s, %(now)s)
ON CONFLICT (user_id, venue, name) DO NOTHING
"""

RENAME: LiteralString = """
UPDATE watchlist SET name = %(name)s, updated_at = %(now)s WHERE id = %(id)s AND user_id = %(user)s
"""

NAME_TAKEN: LiteralString = """
SELECT EXISTS (SELECT FROM watchlist
                WHERE user_id = %(user)s AND venue = %(venue)s AND name = %(name)s AND id <> %(id)s)
"""

PUT_SYMBOLS: LiteralString = """
UPDATE watchlist SET symbols = %(symbols)s, updated_at = %(now)s WHERE id = %(id)s AND user_id = %(user)s
"""

ORDER_LISTS: LiteralString = """
UPDATE watchlist AS one SET position = placed.position
  FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS placed (id, position)
 WHERE one.id = placed.id AND one.user_id = %(user)s
"""

DELETE_LIST: LiteralString = "DELETE FROM watchlist WHERE id = %(id)s AND user_id = %(user)s"

# --- what rows show ---------------------------------------------------------------------------------------------------

# Closes of the bars of one length since :since as known at :until; the replay's of its present run.
CLOSES_SINCE: LiteralString = """
WITH asked AS (
    SELECT CASE WHEN %(venue)s = 'replay' AND %(interval)s <> '1d'
                THEN (SELECT run.seed FROM replay_run AS run WHERE run.ended_at IS NULL) ELSE 0 END AS seed
)
SELECT symbol, array_agg(close ORDER BY starts_at)
  FROM bar
 WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) AND interval = %(interval)s
   AND seed = (SELECT seed FROM asked) AND starts_at >= %(since)s AND starts_at < %(until)s AND ends_at <= %(until)s
 GROUP BY symbol
"""
