"""SQL of what is stored of markets: bars and ticks, the room they lie in, and holes in them."""

from typing import LiteralString

# --- bars -------------------------------------------------------------------------------------------------------------

BAR_TYPES = (
    "text",
    "text",
    "text",
    "int4",
    "timestamptz",
    "timestamptz",
    "numeric",
    "numeric",
    "numeric",
    "numeric",
    "numeric",
    "text",
    "text",
)

COPY_BARS: LiteralString = """
COPY bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider, note)
FROM STDIN (FORMAT BINARY)
"""

BAR_STAGE: LiteralString = "CREATE TEMP TABLE bar_stage (LIKE bar) ON COMMIT DROP"

COPY_BAR_STAGE: LiteralString = """
COPY bar_stage (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider, note)
FROM STDIN (FORMAT BINARY)
"""

MERGE_BAR_STAGE: LiteralString = """
INSERT INTO bar SELECT * FROM bar_stage ORDER BY symbol, interval, starts_at
ON CONFLICT (venue, symbol, interval, seed, starts_at) DO UPDATE SET
    ends_at = excluded.ends_at, open = excluded.open, high = excluded.high, low = excluded.low,
    close = excluded.close, volume = excluded.volume, provider = excluded.provider, note = excluded.note
"""

KEEP_BAR_STAGE: LiteralString = """
INSERT INTO bar SELECT * FROM bar_stage ORDER BY symbol, interval, starts_at
ON CONFLICT (venue, symbol, interval, seed, starts_at) DO NOTHING
"""

ANY_STORED: LiteralString = """
SELECT EXISTS (
    SELECT FROM unnest(%(venue)s::text[], %(symbol)s::text[], %(interval)s::text[], %(seed)s::int[],
                       %(first)s::timestamptz[], %(last)s::timestamptz[])
             AS series (venue, symbol, interval, seed, first, last)
      JOIN LATERAL (SELECT FROM bar b
                     WHERE (b.venue, b.symbol, b.interval, b.seed)
                         = (series.venue, series.symbol, series.interval, series.seed)
                       AND b.starts_at BETWEEN series.first AND series.last LIMIT 1) AS stored ON true)
"""

BAR_CLOSES: LiteralString = """
SELECT starts_at, close FROM bar
 WHERE venue = %(venue)s AND symbol = %(symbol)s AND interval = %(interval)s AND seed = 0 AND starts_at >= %(start)s
   AND note IS NULL
"""

FORGET_BARS_OF: LiteralString = "DELETE FROM bar WHERE venue = %(venue)s AND symbol = %(symbol)s"

COVERAGE: LiteralString = """
SELECT symbol, interval, fetched_at, until_at, provider FROM bar_coverage
 WHERE symbol = %(symbol)s AND interval = %(interval)s
"""

COVERED_SINCE: LiteralString = """
SELECT symbol, interval, fetched_at, until_at, provider FROM bar_coverage
 WHERE fetched_at >= %(since)s OR symbol = ANY (%(symbols)s) ORDER BY symbol, interval
"""

PUT_COVERAGE: LiteralString = """
INSERT INTO bar_coverage (symbol, interval, fetched_at, until_at, provider)
VALUES (%(symbol)s, %(interval)s, %(now)s, %(until)s, %(provider)s)
ON CONFLICT (symbol, interval) DO UPDATE SET
    fetched_at = excluded.fetched_at, until_at = excluded.until_at, provider = excluded.provider
"""

FORGET_COVERAGE: LiteralString = "DELETE FROM bar_coverage WHERE symbol = %(symbol)s"

HAS_DAILY_BARS: LiteralString = "SELECT count(*) FROM bar WHERE venue = %(venue)s AND interval = '1d'"

FORGET_DAILY_BARS: LiteralString = "DELETE FROM bar WHERE venue = %(venue)s AND interval = '1d'"

STORED_SESSIONS: LiteralString = """
SELECT interval, ends_at FROM bar
 WHERE venue = %(venue)s AND symbol = %(symbol)s AND interval = ANY(%(intervals)s) AND seed = %(seed)s
   AND starts_at >= %(oldest)s AND ends_at = ANY(%(closes)s)
"""

# What would be lost with finer bars: joined on their session's grid, where nothing of that length is stored.
SYMBOLS_BEFORE: LiteralString = """
SELECT DISTINCT symbol, min(starts_at), max(starts_at) FROM bar
 WHERE venue = %(venue)s AND interval = %(finer)s AND seed = 0 AND starts_at < %(before)s GROUP BY symbol
"""

ROLL_UP: LiteralString = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider, note)
SELECT %(venue)s, %(symbol)s, %(into)s, 0, bucket, least(bucket + %(span)s, max(closes_at)),
       (array_agg(open ORDER BY starts_at))[1], max(high), min(low), (array_agg(close ORDER BY starts_at DESC))[1],
       CASE WHEN count(volume) = count(*) THEN sum(volume) END, (array_agg(provider ORDER BY starts_at DESC))[1],
       max(note)
  FROM (SELECT b.*, s.closes_at, date_bin(%(span)s, b.starts_at, s.opens_at) AS bucket
          FROM bar b CROSS JOIN LATERAL (
               SELECT opens_at, closes_at FROM market_session
                WHERE exchange = %(exchange)s AND b.starts_at >= opens_at AND b.starts_at < closes_at
                  AND session_on = (b.starts_at AT TIME ZONE 'America/New_York')::date
               UNION ALL
               SELECT (day - %(shift)s::interval) AT TIME ZONE %(zone)s::text,
                      (day + interval '1 day' - %(shift)s::interval) AT TIME ZONE %(zone)s::text
                 FROM date_trunc('day', b.starts_at AT TIME ZONE %(zone)s::text + %(shift)s::interval) AS day
                WHERE %(exchange)s <> 'XNYS' AND extract(isodow FROM day)::int - 1 = ANY (%(weekdays)s)) AS s
         WHERE b.venue = %(venue)s AND b.symbol = %(symbol)s AND b.interval = %(finer)s AND b.seed = 0
           AND b.starts_at < %(before)s) AS part
 GROUP BY bucket
    ON CONFLICT (venue, symbol, interval, seed, starts_at) DO NOTHING
"""

PRUNE_BARS: LiteralString = """
DELETE FROM bar USING (
    SELECT symbol, seed, starts_at FROM bar
     WHERE venue = %(venue)s AND interval = %(interval)s
       AND (seed <> %(seed)s OR starts_at < %(before)s)
     LIMIT %(chunk)s) AS old
 WHERE bar.venue = %(venue)s AND bar.interval = %(interval)s
   AND (bar.symbol, bar.seed, bar.starts_at) = (old.symbol, old.seed, old.starts_at)
"""

# --- room in partitions -----------------------------------------------------------------------------------------------

HAS_PARTITIONS: LiteralString = "SELECT to_regclass('bar_market_1m') IS NOT NULL"

MAKE_ROOM: LiteralString = "SELECT make_room(%(parent)s, %(span)s, %(first)s, %(last)s)"

DROP_ROOM: LiteralString = "SELECT drop_room(%(parent)s, %(before)s)"

# --- ticks ------------------------------------------------------------------------------------------------------------

PUT_TICKS: LiteralString = """
INSERT INTO tick (venue, symbol, at, received_at, last, bid, ask, volume, condition, provider)
SELECT %(venue)s, symbol, at, received_at, last, bid, ask, volume, condition, provider
  FROM unnest(%(symbol)s::text[], %(at)s::timestamptz[], %(received_at)s::timestamptz[], %(last)s::numeric[],
              %(bid)s::numeric[], %(ask)s::numeric[], %(volume)s::numeric[], %(condition)s::text[],
              %(provider)s::text[])
    AS seen (symbol, at, received_at, last, bid, ask, volume, condition, provider)
ON CONFLICT DO NOTHING
"""

TICKS: LiteralString = """
SELECT symbol, at, received_at, last, bid, ask, volume, condition, provider
  FROM tick
 WHERE venue = %(venue)s AND symbol = %(symbol)s AND at >= %(start)s AND at < %(end)s
 ORDER BY at DESC, provider
 LIMIT %(limit)s
"""

PRUNE_TICKS: LiteralString = "DELETE FROM tick WHERE at < %(before)s"

# --- holes in the market's bars ---------------------------------------------------------------------------------------

COVERED_SYMBOLS: LiteralString = "SELECT symbol FROM bar_coverage WHERE interval = %(interval)s"

# Sessions of which a series that was fetched has no bar at all, and holes in others that are longer than `longest`;
# at the beginning of one only where sessions follow each other unbroken: a share may open late.
FIND_GAPS: LiteralString = """
WITH series AS (
    SELECT c.symbol, c.until_at,
           (SELECT min(b.starts_at) FROM bar b
             WHERE b.venue = 'market' AND b.symbol = c.symbol AND b.interval = %(interval)s AND b.seed = 0) AS since
      FROM bar_coverage c WHERE c.interval = %(interval)s AND c.symbol = ANY (%(symbols)s)
), sessions AS (
    SELECT opens_at, closes_at FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[])
                                 AS told (opens_at, closes_at)
), empty AS (
    SELECT series.symbol, opens_at AS starts_at, closes_at AS ends_at
      FROM series JOIN sessions ON opens_at >= since AND closes_at <= until_at
     WHERE NOT EXISTS (SELECT FROM bar b
                        WHERE b.venue = 'market' AND b.symbol = series.symbol AND b.interval = %(interval)s
                          AND b.seed = 0 AND b.starts_at >= opens_at AND b.starts_at < closes_at)
), holes AS (
    SELECT symbol, ends_at AS starts_at, next_at AS ends_at
      FROM (SELECT b.symbol, b.ends_at, closes_at,
                   coalesce(lead(b.starts_at) OVER (PARTITION BY b.symbol, opens_at ORDER BY b.starts_at),
                            closes_at) AS next_at
              FROM series JOIN sessions ON opens_at >= since AND closes_at <= until_at
              JOIN bar b ON b.venue = 'market' AND b.symbol = series.symbol AND b.interval = %(interval)s
                        AND b.seed = 0 AND b.starts_at >= opens_at AND b.starts_at < closes_at) AS told
     WHERE next_at - ends_at > %(longest)s
), late AS (
    SELECT series.symbol, opens_at AS starts_at, min(b.starts_at) AS ends_at
      FROM series JOIN sessions ON opens_at >= since AND closes_at <= until_at
      JOIN bar b ON b.venue = 'market' AND b.symbol = series.symbol AND b.interval = %(interval)s
                AND b.seed = 0 AND b.starts_at >= opens_at AND b.starts_at < closes_at
     WHERE %(unbroken)s
     GROUP BY series.symbol, opens_at HAVING min(b.starts_at) - opens_at > %(longest)s
)
SELECT symbol, starts_at, ends_at FROM empty UNION ALL SELECT symbol, starts_at, ends_at FROM holes
 UNION ALL SELECT symbol, starts_at, ends_at FROM late
 ORDER BY starts_at DESC, symbol LIMIT %(limit)s
"""

PUT_GAPS: LiteralString = """
WITH seen AS (
    SELECT * FROM unnest(%(symbol)s::text[], %(starts_at)s::timestamptz[], %(ends_at)s::timestamptz[])
               AS seen (symbol, starts_at, ends_at)
), closed AS (
    DELETE FROM bar_gap g
     WHERE g.interval = %(interval)s
       AND NOT EXISTS (SELECT FROM seen WHERE (seen.symbol, seen.starts_at) = (g.symbol, g.starts_at))
)
INSERT INTO bar_gap (symbol, interval, starts_at, ends_at, found_at, tries)
SELECT symbol, %(interval)s, starts_at, ends_at, %(now)s, 0 FROM seen
ON CONFLICT (symbol, interval, starts_at) DO UPDATE SET ends_at = excluded.ends_at
"""

GAPS_TO_TRY: LiteralString = """
SELECT symbol, interval, starts_at, ends_at FROM bar_gap
 WHERE tries < %(tries)s AND (tried_at IS NULL OR tried_at < %(before)s)
 ORDER BY starts_at DESC LIMIT %(limit)s
"""

GAP_TRIED: LiteralString = """
UPDATE bar_gap SET tried_at = %(now)s, tries = tries + 1
 WHERE symbol = %(symbol)s AND interval = %(interval)s AND starts_at = %(starts_at)s
"""

COUNT_GAPS: LiteralString = "SELECT count(*) FROM bar_gap"
