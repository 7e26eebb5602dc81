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
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi, borrowable
  FROM instrument
 WHERE venue = %(venue)s
   AND (%(pattern)s::text IS NULL OR symbol ILIKE %(pattern)s OR name ILIKE %(pattern)s)
 ORDER BY upper(symbol) <> upper(%(query)s), symbol NOT ILIKE %(query)s || '%%', symbol
 LIMIT %(limit)s
"""

INSTRUMENT: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi, borrowable
  FROM instrument
 WHERE venue = %(venue)s AND symbol = %(symbol)s
"""

INSTRUMENTS_NAMED: LiteralString = """
SELECT symbol, name, kind, exchange, currency, tick_size, lot_size, sector,
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi, borrowable
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
       data_quality, data_note, source, data_starts_on, data_ends_on, tradable, isin, figi, borrowable
  FROM instrument
 WHERE venue = %(venue)s AND (isin = %(isin)s OR figi = %(figi)s) ORDER BY symbol LIMIT 1
"""

REPLAY_RANGE: LiteralString = "SELECT min(data_starts_on), max(data_ends_on) FROM instrument WHERE venue = 'replay'"

# --- the bar that grows ---------------------------------------------------------------------------------------------

FORMING: LiteralString = """
SELECT symbol, interval, starts_at, open, high, low, close, volume, provider, note FROM bar_forming
 WHERE venue = %(venue)s
"""

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

# Which trading day a bar belongs to, and where the day of pairs and coins begins: see `domain.market_hours`.
_SHIFTED: LiteralString = "(starts_at AT TIME ZONE %(zone)s::text + %(shift)s::interval)"
_TURN: LiteralString = "((date_trunc('day', " + _SHIFTED + ") - %(shift)s::interval) AT TIME ZONE %(zone)s::text)"

# Bars inside a day are joined on their session's grid, where no session is known on the day's; days by week and month.
_ROLLED: LiteralString = (
    """
, part AS (
    SELECT known.*,
           CASE %(shown)s
           WHEN '1w' THEN date_trunc('week', """
    + _SHIFTED
    + """) AT TIME ZONE 'UTC'
           WHEN '1mo' THEN date_trunc('month', """
    + _SHIFTED
    + """) AT TIME ZONE 'UTC'
           ELSE date_bin(%(span)s, known.starts_at,
                         CASE WHEN %(exchange)s = 'XNYS' THEN coalesce(session.opens_at, date_trunc('day', starts_at))
                              ELSE """
    + _TURN
    + """ END)
           END AS bucket
      FROM ("""
    + _KNOWN
    + """) AS known
      LEFT JOIN market_session AS session
        ON session.exchange = %(exchange)s
       AND session.session_on = """
    + _SHIFTED
    + """::date
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

_COLUMNS_HEAD: LiteralString = (
    """
SELECT coalesce(array_agg(extract(epoch FROM starts_at)::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(open::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(high::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(low::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(close::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg(volume::float8 ORDER BY starts_at), '{}'),
       coalesce(array_agg("""
    + _SHIFTED
    + """::date - DATE '1970-01-01' ORDER BY starts_at),
                '{}')
  FROM ("""
)

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

DAILY_CLOSES: LiteralString = """
SELECT symbol, array_agg(starts_at ORDER BY starts_at), array_agg(close ORDER BY starts_at) FROM bar
 WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) AND interval = '1d' AND seed = 0
   AND starts_at >= %(since)s AND ends_at <= %(until)s
 GROUP BY symbol
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
