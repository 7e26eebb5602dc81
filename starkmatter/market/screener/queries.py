"""Every SQL statement of the screener. Bars are read as numbers in blocks, and only those finished by :until."""

from typing import LiteralString

_DAY: LiteralString = "((starts_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01')"

_KNOWN: LiteralString = """
       venue = %(venue)s AND symbol = ANY (%(symbols)s) AND interval = '1d' AND seed = 0
   AND starts_at >= %(since)s AND starts_at < %(until)s AND ends_at <= %(until)s
"""

# One row per symbol: how many days, the days since 1970 as big-endian int4, and the figures as big-endian float8.
HISTORY: LiteralString = f"""
SELECT symbol, count(*)::int4, string_agg(int4send({_DAY}), ''::bytea ORDER BY starts_at),
       string_agg(float8send(open::float8), ''::bytea ORDER BY starts_at),
       string_agg(float8send(high::float8), ''::bytea ORDER BY starts_at),
       string_agg(float8send(low::float8), ''::bytea ORDER BY starts_at),
       string_agg(float8send(close::float8), ''::bytea ORDER BY starts_at),
       string_agg(float8send(coalesce(volume, 'NaN')::float8), ''::bytea ORDER BY starts_at)
  FROM bar
 WHERE {_KNOWN}
 GROUP BY symbol
"""

_FIGURES: LiteralString = f"""
{_DAY}, open::float8, high::float8, low::float8, close::float8, coalesce(volume, 'NaN')::float8
"""

FINISHED_SINCE: LiteralString = f"""
SELECT symbol, {_FIGURES}
  FROM bar
 WHERE {_KNOWN} AND ends_at > %(after)s
 ORDER BY symbol, starts_at
"""

# Only then can a day have finished; without a calendar it can at any time.
SESSION_ENDED: LiteralString = """
SELECT NOT EXISTS (SELECT FROM market_session)
       OR EXISTS (SELECT FROM market_session WHERE closes_at > %(after)s AND closes_at <= %(until)s)
"""

GROWING: LiteralString = f"""
SELECT symbol, {_FIGURES}
  FROM bar_forming AS forming
 WHERE venue = %(venue)s AND interval = '1d' AND starts_at <= %(until)s
   AND NOT EXISTS (SELECT FROM bar AS later
                    WHERE (later.venue, later.symbol) = (forming.venue, forming.symbol)
                      AND later.interval = '1d' AND later.seed = 0
                      AND later.starts_at >= forming.starts_at AND later.ends_at <= %(until)s)
"""

# Without pairs and coins: their days end at other hours, and a value traded in dollars nobody tells of them.
_SCREENED: LiteralString = "venue = %(venue)s AND kind NOT IN ('fx', 'crypto')"

LISTED: LiteralString = f"""
SELECT symbol, name, kind, exchange, currency, sector, tradable FROM instrument WHERE {_SCREENED} ORDER BY symbol
"""

COUNT_LISTED: LiteralString = f"SELECT count(*) FROM instrument WHERE {_SCREENED}"

# Whose days a source has told anew: corrections, a split, a first look.
FETCHED_SINCE: LiteralString = """
SELECT symbol FROM bar_coverage WHERE interval = '1d' AND fetched_at > %(since)s
"""

NEWEST_FETCH: LiteralString = "SELECT max(fetched_at) FROM bar_coverage WHERE interval = '1d'"

# --- saved screens ----------------------------------------------------------------------------------------------------

_COLUMNS: LiteralString = "id, name, screen, created_at, updated_at"

SCREENS: LiteralString = f"SELECT {_COLUMNS} FROM saved_screen WHERE user_id = %(user)s ORDER BY lower(name), id"

SCREEN: LiteralString = f"SELECT {_COLUMNS} FROM saved_screen WHERE id = %(id)s AND user_id = %(user)s"

COUNT_SCREENS: LiteralString = "SELECT count(*) FROM saved_screen WHERE user_id = %(user)s"

NEW_SCREEN: LiteralString = """
INSERT INTO saved_screen (id, user_id, name, screen, created_at, updated_at)
VALUES (%(id)s, %(user)s, %(name)s, %(screen)s, %(now)s, %(now)s) ON CONFLICT (user_id, name) DO NOTHING
"""

CHANGE_SCREEN: LiteralString = """
UPDATE saved_screen SET name = coalesce(%(name)s, name), screen = coalesce(%(screen)s, screen), updated_at = %(now)s
 WHERE id = %(id)s AND user_id = %(user)s
   AND NOT EXISTS (SELECT FROM saved_screen AS other
                    WHERE other.user_id = %(user)s AND other.name = %(name)s AND other.id <> %(id)s)
"""

DELETE_SCREEN: LiteralString = "DELETE FROM saved_screen WHERE id = %(id)s AND user_id = %(user)s"
