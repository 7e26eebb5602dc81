"""Every SQL statement of the news room."""

_VIEW = "id, title, summary, url, source, sources, published_at, symbols, sentiment, mood, sample"

NEWS = f"""
SELECT {_VIEW} FROM news_item
 WHERE venue = %(venue)s AND published_at <= %(until)s
   AND (%(symbols)s::text[] IS NULL OR symbols && %(symbols)s::text[])
   AND (%(at)s::timestamptz IS NULL OR (published_at, id) < (%(at)s, %(id)s))
 ORDER BY published_at DESC, id DESC LIMIT %(limit)s
"""

# --- keeping stories --------------------------------------------------------------------------------------------------

# Two collectors that meet take turns, so that each finds what the other has kept.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(5472049834019)"

SAME_STORY = """
SELECT id FROM news_item
 WHERE venue = %(venue)s
   AND ((%(url_key)s <> '' AND url_key = %(url_key)s)
        OR (title_key = %(title_key)s AND published_at BETWEEN %(earliest)s AND %(latest)s))
 ORDER BY received_at LIMIT 1
"""

ADD_REPORT = """
UPDATE news_item
   SET sources = array_append(sources, %(source)s::text),
       symbols = symbols || ARRAY(SELECT unnest(%(symbols)s::text[]) EXCEPT SELECT unnest(symbols)),
       url = CASE WHEN url = '' THEN %(url)s ELSE url END
 WHERE id = %(id)s AND NOT %(source)s::text = ANY (sources) AND cardinality(sources) < 12
"""

INSERT_STORY = """
INSERT INTO news_item (id, venue, title, summary, url, url_key, title_key, source, sources, symbols, published_at,
                       received_at, sentiment, mood, sample)
VALUES (%(id)s, %(venue)s, %(title)s, %(summary)s, %(url)s, %(url_key)s, %(title_key)s, %(source)s::text,
        ARRAY[%(source)s::text], %(symbols)s::text[], %(published_at)s, %(now)s, %(sentiment)s, %(mood)s, %(sample)s)
ON CONFLICT DO NOTHING
"""

FORGET_OLD = "DELETE FROM news_item WHERE venue = 'market' AND published_at < %s"

CAP_ROWS = """
DELETE FROM news_item WHERE id IN (
    SELECT id FROM news_item WHERE venue = %(venue)s ORDER BY received_at DESC, id DESC OFFSET %(keep)s)
"""

# --- what to ask for --------------------------------------------------------------------------------------------------

INSTRUMENTS = "SELECT symbol, name FROM instrument"

# Somebody uses the market, or an admin has asked for news by adding a feed or a key: otherwise nobody is asked.
IS_WANTED = """
SELECT EXISTS (SELECT FROM account WHERE venue = 'market' AND closed_at IS NULL)
    OR EXISTS (SELECT FROM news_feed WHERE NOT shipped AND enabled)
    OR EXISTS (SELECT FROM vault_secret WHERE kind = ANY (%(kinds)s) AND owner_id IS NULL)
"""

# What people hold or watch on the market.
WANTED_NAMES = """
SELECT DISTINCT i.symbol, i.name
  FROM instrument i
 WHERE i.symbol IN (
    SELECT h.symbol FROM holding h JOIN account a ON a.id = h.account_id
     WHERE a.venue = 'market' AND a.closed_at IS NULL AND h.signed_qty <> 0
    UNION SELECT symbol FROM alert WHERE venue = 'market' AND active)
 ORDER BY i.symbol
"""

SAMPLES_UNTIL = """
SELECT greatest(%(oldest)s::timestamptz, max(published_at))
  FROM news_item WHERE venue = 'replay' AND published_at <= %(now)s
"""

FINISHED_DAYS = """
SELECT d.symbol, i.name, i.tradable, d.ends_at AS closed_at, d.close, d.close_before, d.volume, d.usual_volume
  FROM (SELECT symbol, ends_at, close, volume, lag(close) OVER days AS close_before,
               CASE WHEN count(volume) OVER before = 20 THEN avg(volume) OVER before END AS usual_volume
          FROM bar
         WHERE venue = 'replay' AND interval = '1d' AND seed = 0
           AND ends_at <= %(until)s AND starts_at < %(until)s AND starts_at >= %(since)s
        WINDOW days AS (PARTITION BY symbol ORDER BY starts_at),
               before AS (PARTITION BY symbol ORDER BY starts_at ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING)) d
  JOIN instrument i ON i.symbol = d.symbol
 ORDER BY d.ends_at, d.symbol
"""

# --- feeds ------------------------------------------------------------------------------------------------------------

_FEED = "id, url, title, shipped, enabled, last_ok_at, last_failed_at, failure, created_at"

FEEDS = f"SELECT {_FEED} FROM news_feed ORDER BY NOT shipped, created_at, url"

FEED = f"SELECT {_FEED} FROM news_feed WHERE id = %s"

FEEDS_TO_ASK = "SELECT id, url, title, etag, last_modified FROM news_feed WHERE enabled ORDER BY created_at, id"

COUNT_FEEDS = "SELECT count(*) FROM news_feed"

INSERT_FEED = """
INSERT INTO news_feed (id, url, title, added_by, shipped, enabled, last_ok_at, created_at)
VALUES (%(id)s, %(url)s, %(title)s, %(added_by)s, false, true, %(now)s, %(now)s) ON CONFLICT (url) DO NOTHING
"""

CHANGE_FEED = """
UPDATE news_feed SET enabled = coalesce(%(enabled)s, enabled), title = coalesce(%(title)s, title) WHERE id = %(id)s
"""

DELETE_FEED = "DELETE FROM news_feed WHERE id = %s"

FEED_ANSWERED = """
UPDATE news_feed SET last_ok_at = %(now)s, failure = '', etag = %(etag)s, last_modified = %(last_modified)s
 WHERE id = %(id)s
"""

FEED_FAILED = "UPDATE news_feed SET last_failed_at = %(now)s, failure = %(words)s WHERE id = %(id)s"

# --- sources with a key -----------------------------------------------------------------------------------------------

# One request of the day's budget, and never two within the pause: no row when there is none to have.
TAKE_REQUEST = """
INSERT INTO news_source (name, asked_on, asked_count, last_asked_at) VALUES (%(name)s, %(today)s, 1, %(now)s)
    ON CONFLICT (name) DO UPDATE
   SET asked_on = excluded.asked_on, last_asked_at = excluded.last_asked_at,
       asked_count = CASE WHEN news_source.asked_on = excluded.asked_on THEN news_source.asked_count + 1 ELSE 1 END
 WHERE news_source.last_asked_at <= %(not_since)s
   AND (news_source.asked_on <> excluded.asked_on OR news_source.asked_count < %(a_day)s)
RETURNING asked_count
"""

SOURCE_ANSWERED = "UPDATE news_source SET last_ok_at = %(now)s, failure = '' WHERE name = %(name)s"

SOURCE_FAILED = "UPDATE news_source SET last_failed_at = %(now)s, failure = %(words)s WHERE name = %(name)s"

KEYED_SOURCES = """
SELECT s.name AS title, true AS enabled, s.last_ok_at, s.last_failed_at, s.failure
  FROM news_source s JOIN vault_secret v ON v.kind = s.name AND v.owner_id IS NULL ORDER BY s.name
"""

FEED_HEALTH = """
SELECT title, enabled, last_ok_at, last_failed_at, failure FROM news_feed ORDER BY NOT shipped, created_at, url
"""
