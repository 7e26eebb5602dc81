"""All SQL of the market's room.

A finished bar is visible once `ends_at` <= :until, the forming one while `starts_at` <= :until: nothing of the venue's
future can be read through these statements.
"""

from typing import LiteralString

SESSIONS: LiteralString = """
SELECT session_on, opens_at, closes_at FROM market_session WHERE exchange = %(exchange)s ORDER BY session_on
"""

SESSIONS_BETWEEN: LiteralString = """
SELECT session_on, opens_at, closes_at
  FROM market_session
 WHERE exchange = %(exchange)s AND closes_at >= %(after)s AND opens_at <= %(before)s
 ORDER BY session_on
"""

LAST_SESSION_ON: LiteralString = "SELECT max(session_on) FROM market_session WHERE exchange = %(exchange)s"

FORGET_SESSIONS: LiteralString = "DELETE FROM market_session WHERE exchange = %(exchange)s"

COPY_SESSIONS: LiteralString = "COPY market_session (exchange, session_on, opens_at, closes_at) FROM STDIN"

INSTRUMENTS: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi
  FROM instrument
 WHERE venue = %(venue)s
   AND (%(pattern)s::text IS NULL OR symbol ILIKE %(pattern)s OR name ILIKE %(pattern)s)
 ORDER BY upper(symbol) <> upper(%(query)s), symbol NOT ILIKE %(query)s || '%%', symbol
 LIMIT %(limit)s
"""

INSTRUMENT: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi
  FROM instrument
 WHERE venue = %(venue)s AND symbol = %(symbol)s
"""

INSTRUMENTS_NAMED: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi
  FROM instrument
 WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s)
"""

PUT_INSTRUMENT: LiteralString = """
INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi)
VALUES (%(venue)s, %(symbol)s, %(name)s, %(kind)s, %(exchange)s, %(currency)s, %(tick_size)s, %(lot_size)s, %(sector)s,
        %(data_quality)s, %(data_note)s, %(source)s, %(data_starts_on)s, %(data_ends_on)s, %(tradable)s,
        %(isin)s, %(figi)s)
ON CONFLICT (venue, symbol) DO UPDATE SET
    name = excluded.name, kind = excluded.kind, exchange = excluded.exchange, currency = excluded.currency,
    tick_size = excluded.tick_size, lot_size = excluded.lot_size, sector = excluded.sector,
    data_quality = excluded.data_quality, data_note = excluded.data_note, source = excluded.source,
    data_starts_on = excluded.data_starts_on, data_ends_on = excluded.data_ends_on, tradable = excluded.tradable,
    isin = coalesce(excluded.isin, instrument.isin), figi = coalesce(excluded.figi, instrument.figi)
"""

CALL_INSTRUMENT: LiteralString = """
UPDATE instrument SET isin = coalesce(%(isin)s, isin), figi = coalesce(%(figi)s, figi)
 WHERE venue = 'market' AND symbol = %(symbol)s
"""

# What an identifier stands for: one of a share belongs to one symbol.
INSTRUMENT_CALLED: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi
  FROM instrument
 WHERE venue = %(venue)s AND (isin = %(isin)s OR figi = %(figi)s) ORDER BY symbol LIMIT 1
"""

REPLAY_RANGE: LiteralString = "SELECT min(data_starts_on), max(data_ends_on) FROM instrument WHERE venue = 'replay'"

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

FORMING: LiteralString = """
SELECT symbol, interval, starts_at, open, high, low, close, volume, provider, note FROM bar_forming
 WHERE venue = %(venue)s
"""

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
          FROM bar b JOIN market_session s
            ON s.exchange = 'XNYS' AND b.starts_at >= s.opens_at AND b.starts_at < s.closes_at
           AND s.session_on = (b.starts_at AT TIME ZONE 'America/New_York')::date
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

# Sessions of which a series that was fetched has no bar at all, and holes in others that are longer than `longest`.
FIND_GAPS: LiteralString = """
WITH series AS (
    SELECT c.symbol, c.until_at,
           (SELECT min(b.starts_at) FROM bar b
             WHERE b.venue = 'market' AND b.symbol = c.symbol AND b.interval = %(interval)s AND b.seed = 0) AS since
      FROM bar_coverage c WHERE c.interval = %(interval)s
), sessions AS (
    SELECT opens_at, closes_at FROM market_session
     WHERE exchange = %(exchange)s AND opens_at >= %(oldest)s AND closes_at <= %(now)s
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
)
SELECT symbol, starts_at, ends_at FROM empty UNION ALL SELECT symbol, starts_at, ends_at FROM holes
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

PUT_FORMING: LiteralString = """
INSERT INTO bar_forming (venue, symbol, interval, starts_at, open, high, low, close, volume, provider, note)
SELECT %(venue)s, symbol, interval, starts_at, open, high, low, close, volume, %(provider)s, %(note)s
  FROM unnest(%(symbol)s::text[], %(interval)s::text[], %(starts_at)s::timestamptz[], %(open)s::numeric[],
              %(high)s::numeric[], %(low)s::numeric[], %(close)s::numeric[], %(volume)s::numeric[])
    AS formed (symbol, interval, starts_at, open, high, low, close, volume)
ON CONFLICT (venue, symbol, interval) DO UPDATE SET
    starts_at = excluded.starts_at, open = excluded.open, high = excluded.high, low = excluded.low,
    close = excluded.close, volume = excluded.volume, provider = excluded.provider, note = excluded.note
"""

FORGET_FORMING: LiteralString = "DELETE FROM bar_forming WHERE venue = %(venue)s"

# --- the replay's runs ------------------------------------------------------------------------------------------------

CURRENT_RUN: LiteralString = """
SELECT id, seed, start_on, speed, paused, skip_closed, anchor_venue_at, anchor_wall_at,
       horizon_venue_at, configured, created_at, ended_at
  FROM replay_run
 WHERE ended_at IS NULL
"""

START_RUN: LiteralString = """
INSERT INTO replay_run (seed, start_on, speed, paused, skip_closed, anchor_venue_at, anchor_wall_at,
                        horizon_venue_at, configured, created_at)
VALUES (%(seed)s, %(start_on)s, %(speed)s, false, %(skip_closed)s, %(venue_at)s, %(wall_at)s,
        %(venue_at)s, %(configured)s, %(wall_at)s)
RETURNING id, seed, start_on, speed, paused, skip_closed, anchor_venue_at, anchor_wall_at,
       horizon_venue_at, configured, created_at, ended_at
"""

END_RUN: LiteralString = "UPDATE replay_run SET ended_at = %(wall_at)s WHERE ended_at IS NULL"

CHECKPOINT_RUN: LiteralString = """
UPDATE replay_run
   SET speed = %(speed)s, paused = %(paused)s, skip_closed = %(skip_closed)s, anchor_venue_at = %(venue_at)s,
       anchor_wall_at = %(wall_at)s, horizon_venue_at = %(horizon)s, configured = %(configured)s
 WHERE id = %(id)s AND ended_at IS NULL
"""

CONFIGURE_RUN: LiteralString = """
UPDATE replay_run SET speed = %(speed)s, configured = %(configured)s WHERE ended_at IS NULL
"""

OPEN_COMMANDS: LiteralString = """
SELECT id, seed, start_on, speed, paused, skip_closed FROM replay_command WHERE applied_at IS NULL ORDER BY id
"""

PUT_COMMAND: LiteralString = """
INSERT INTO replay_command (seed, start_on, speed, paused, skip_closed, requested_at)
VALUES (%(seed)s, %(start_on)s, %(speed)s, %(paused)s, %(skip_closed)s, %(requested_at)s)
RETURNING id
"""

CLOSE_COMMAND: LiteralString = "UPDATE replay_command SET applied_at = %(at)s, run_id = %(run_id)s WHERE id = %(id)s"

COUNT_OPEN_COMMANDS: LiteralString = "SELECT count(*) FROM replay_command WHERE applied_at IS NULL"

# --- reading bars: the newest :limit of [start, end) as known at :until, the forming one included --------------------

_ASKED: LiteralString = """
WITH asked AS (
    SELECT CASE WHEN %(venue)s = 'replay' AND %(interval)s <> '1d'
                THEN (SELECT run.seed FROM replay_run AS run WHERE run.ended_at IS NULL) ELSE 0 END AS seed
)"""

# rows in no particular order, at most one more than asked for
_KNOWN: LiteralString = """
SELECT starts_at, open, high, low, close, volume, provider, note
  FROM bar_forming AS forming
 WHERE venue = %(venue)s AND symbol = %(symbol)s AND interval = %(interval)s
   AND starts_at >= %(start)s AND starts_at < %(end)s AND starts_at <= %(until)s
   AND NOT EXISTS (SELECT FROM bar AS later
                    WHERE (later.venue, later.symbol) = (forming.venue, forming.symbol)
                      AND later.interval = forming.interval AND later.seed = (SELECT seed FROM asked)
                      AND later.starts_at >= forming.starts_at AND later.ends_at <= %(until)s)
UNION ALL
(SELECT starts_at, open, high, low, close, volume, provider, note
   FROM bar
  WHERE venue = %(venue)s AND symbol = %(symbol)s AND interval = %(interval)s AND seed = (SELECT seed FROM asked)
    AND starts_at >= %(start)s AND starts_at < %(end)s AND ends_at <= %(until)s
  ORDER BY starts_at DESC
  LIMIT %(limit)s)
"""

# Bars inside a day are joined on their session's grid, where no session is known on the day's; days by week and month.
_ROLLED: LiteralString = (
    """
, part AS (
    SELECT known.*,
           CASE %(shown)s
           WHEN '1w' THEN date_trunc('week', known.starts_at AT TIME ZONE 'America/New_York') AT TIME ZONE 'UTC'
           WHEN '1mo' THEN date_trunc('month', known.starts_at AT TIME ZONE 'America/New_York') AT TIME ZONE 'UTC'
           ELSE date_bin(%(span)s, known.starts_at, coalesce(session.opens_at, date_trunc('day', known.starts_at)))
           END AS bucket
      FROM ("""
    + _KNOWN
    + """) AS known
      LEFT JOIN market_session AS session
        ON session.exchange = 'XNYS'
       AND session.session_on = (known.starts_at AT TIME ZONE 'America/New_York')::date
       AND known.starts_at >= session.opens_at
), rolled AS (
    SELECT CASE WHEN %(shown)s IN ('1w', '1mo') THEN min(starts_at) ELSE bucket END AS starts_at,
           (array_agg(open ORDER BY starts_at))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY starts_at DESC))[1] AS close,
           CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume,
           (array_agg(provider ORDER BY starts_at DESC))[1] AS provider, max(note) AS note
      FROM part
     GROUP BY bucket
)
"""
)
_NEWEST_ROLLED: LiteralString = """
SELECT * FROM rolled WHERE starts_at >= %(first)s AND starts_at < %(before)s ORDER BY starts_at DESC LIMIT %(bars)s
"""

_JSON_HEAD: LiteralString = """
SELECT '[' || coalesce(string_agg(
         %(head)s || to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
         || '","open":"' || open || '","high":"' || high || '","low":"' || low || '","close":"' || close
         || '","volume":' || coalesce('"' || volume || '"', 'null')
         || ',"provider":"' || provider || '","note":' || coalesce('"' || note || '"', 'null') || '}',
         ',' ORDER BY starts_at), '') || ']'
  FROM ("""

_COLUMNS_HEAD: LiteralString = """
SELECT coalesce(array_agg(extract(epoch FROM starts_at)::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(open::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(high::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(low::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(close::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(volume::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg((starts_at AT TIME ZONE 'America/New_York')::date - DATE '1970-01-01' ORDER BY starts_at),
                '{}')
  FROM ("""

_NEWEST: LiteralString = "SELECT * FROM (" + _KNOWN + ") AS known ORDER BY starts_at DESC LIMIT %(limit)s"

BARS: LiteralString = _ASKED + _KNOWN
BARS_JSON: LiteralString = _ASKED + _JSON_HEAD + _NEWEST + ") AS newest"
BAR_COLUMNS: LiteralString = _ASKED + _COLUMNS_HEAD + _NEWEST + ") AS newest"
ROLLED_BARS: LiteralString = _ASKED + _ROLLED + _NEWEST_ROLLED
ROLLED_BARS_JSON: LiteralString = _ASKED + _ROLLED + _JSON_HEAD + _NEWEST_ROLLED + ") AS newest"
ROLLED_BAR_COLUMNS: LiteralString = _ASKED + _ROLLED + _COLUMNS_HEAD + _NEWEST_ROLLED + ") AS newest"

CLOSES_BEFORE: LiteralString = """
SELECT symbol, (SELECT close FROM bar
                 WHERE bar.venue = %(venue)s AND bar.symbol = asked.symbol AND interval = '1d' AND seed = 0
                   AND ends_at <= %(until)s AND starts_at < %(until)s
                 ORDER BY starts_at DESC LIMIT 1) AS close
  FROM unnest(%(symbols)s::text[]) AS asked (symbol)
"""

KEEP_REFUSALS: LiteralString = """
INSERT INTO market_refusal (provider, symbol, what, reason, hour_at, excerpt, at, times)
SELECT provider, symbol, what, reason, hour_at, excerpt, at, times
  FROM jsonb_to_recordset(%s::jsonb) AS given (provider text, symbol text, what text, reason text,
       hour_at timestamptz, excerpt text, at timestamptz, times integer)
    ON CONFLICT (provider, symbol, what, reason, hour_at) DO UPDATE
   SET times = market_refusal.times + excluded.times, excerpt = excluded.excerpt, at = excluded.at
"""

REFUSALS: LiteralString = """
SELECT provider, symbol, what, reason, excerpt, at, times FROM market_refusal ORDER BY at DESC LIMIT %s
"""

REFUSED_SINCE: LiteralString = """
SELECT provider,
       coalesce(sum(times) FILTER (WHERE what <> 'suspect'), 0)::bigint,
       coalesce(sum(times) FILTER (WHERE what = 'suspect'), 0)::bigint
  FROM market_refusal WHERE at >= %s GROUP BY provider
"""

FORGET_REFUSALS: LiteralString = """
DELETE FROM market_refusal
 WHERE at < %(before)s
    OR at <= (SELECT at FROM market_refusal ORDER BY at DESC OFFSET %(at_most)s LIMIT 1)
"""

SOURCE_ORDER: LiteralString = "SELECT adapter FROM market_source ORDER BY place"

FORGET_SOURCE_ORDER: LiteralString = "DELETE FROM market_source"

PUT_SOURCE_ORDER: LiteralString = """
INSERT INTO market_source (adapter, place)
SELECT adapter, place FROM unnest(%s::text[]) WITH ORDINALITY AS given (adapter, place)
"""
