"""Every SQL statement of the alerts room."""

_COLUMNS = """
       id, venue, symbol, kind, threshold, note, by_mail, repeats, active, armed, created_at, fired_at
"""

ALERTS = f"SELECT {_COLUMNS} FROM alert WHERE user_id = %(user)s ORDER BY active DESC, created_at DESC"

ALERT = f"SELECT {_COLUMNS} FROM alert WHERE id = %(id)s AND user_id = %(user)s"

COUNT_ALERTS = "SELECT count(*) FROM alert WHERE user_id = %s"

INSERT_ALERT = """
INSERT INTO alert (id, user_id, venue, symbol, kind, threshold, note, by_mail, repeats, active, armed, created_at,
                   updated_at)
VALUES (%(id)s, %(user)s, %(venue)s, %(symbol)s, %(kind)s, %(threshold)s, %(note)s, %(by_mail)s, %(repeats)s, true,
        %(armed)s, %(now)s, %(now)s)
"""

CHANGE_ALERT = """
UPDATE alert SET threshold = coalesce(%(threshold)s, threshold), note = coalesce(%(note)s, note),
       by_mail = coalesce(%(by_mail)s, by_mail), repeats = coalesce(%(repeats)s, repeats),
       active = coalesce(%(active)s, active), armed = %(armed)s, updated_at = %(now)s
 WHERE id = %(id)s AND user_id = %(user)s
"""

DELETE_ALERT = "DELETE FROM alert WHERE id = %(id)s AND user_id = %(user)s"

# Changes with every change of any alert of the venue, also a deletion: the worker reads them again then.
VERSION = "SELECT count(*), max(updated_at) FROM alert WHERE venue = %s AND active"

WATCHED = """
SELECT id, user_id, symbol, kind, threshold, note, by_mail, repeats, armed FROM alert WHERE venue = %s AND active
"""

WATCHED_SYMBOLS = "SELECT DISTINCT symbol FROM alert WHERE venue = %s AND active"

# Fires once, whoever asks: only the first statement finds it armed.
FIRE = """
WITH fired AS (
    UPDATE alert SET armed = false, active = repeats, fired_at = %(now)s
     WHERE id = %(id)s AND armed AND active RETURNING id, user_id, venue, symbol, note
)
INSERT INTO alert_event (alert_id, user_id, venue, symbol, words, note, price, venue_at, fired_at)
SELECT id, user_id, venue, symbol, %(words)s, note, %(price)s, %(venue_at)s, %(now)s FROM fired RETURNING id
"""

# A price that somebody waits for is in shares of the day it was said: a split since moves it, a corrected one moves it
# again. One action at a time; what was done stands in the row, so that doing it twice moves nothing.
FOLLOW_SPLITS = """
UPDATE alert SET threshold = greatest(round(threshold / due.was * due.factor, 6), 0.000001), updated_at = %(now)s,
       adjusted = adjusted || jsonb_build_object(due.action_id, due.factor::text)
  FROM (SELECT DISTINCT ON (a.id) a.id, t.action_id, t.factor, coalesce((a.adjusted ->> t.action_id)::numeric, 1) AS was
          FROM alert a
          JOIN (SELECT action_id, symbol, ex_on,
                       CASE WHEN ex_on > %(today)s THEN 1
                            WHEN kind = 'split' THEN round(denominator / numerator, 12)
                            WHEN kind = 'stock_dividend' THEN round(denominator / (denominator + numerator), 12)
                            ELSE 1 END AS factor
                  FROM (SELECT DISTINCT ON (action_id) * FROM action_told
                         WHERE venue = %(venue)s AND symbol IN (SELECT symbol FROM alert WHERE venue = %(venue)s)
                         ORDER BY action_id, revision DESC) AS newest) AS t
            ON t.symbol = a.symbol
         WHERE a.venue = %(venue)s AND a.kind IN ('price_above', 'price_below')
           AND t.ex_on > (a.created_at AT TIME ZONE %(zone)s)::date
           AND t.factor <> coalesce((a.adjusted ->> t.action_id)::numeric, 1)
         ORDER BY a.id, t.ex_on, t.action_id) AS due
 WHERE alert.id = due.id
"""

REARM = "UPDATE alert SET armed = true WHERE id = %s AND active AND NOT armed"

EVENTS = """
SELECT e.id, e.alert_id, e.venue, e.symbol, e.words, e.note, e.price, e.venue_at, e.fired_at, e.seen_at,
       m.state AS mail, m.words AS mail_words
  FROM alert_event e LEFT JOIN mail_outbox m ON m.key = 'alert:' || e.id
 WHERE e.user_id = %(user)s AND (%(before)s::bigint IS NULL OR e.id < %(before)s)
 ORDER BY e.id DESC LIMIT %(limit)s
"""

COUNT_UNSEEN = "SELECT count(*) FROM alert_event WHERE user_id = %s AND seen_at IS NULL"

SEE_EVENTS = "UPDATE alert_event SET seen_at = %(now)s WHERE user_id = %(user)s AND seen_at IS NULL"

FORGET_EVENTS = "DELETE FROM alert_event WHERE fired_at < %s"

# --- mail -------------------------------------------------------------------------------------------------------------

PUT_MAIL = """
INSERT INTO mail_outbox (key, user_id, subject, body, state, created_at, next_at)
VALUES (%(key)s, %(user)s, %(subject)s, %(body)s, 'waiting', %(now)s, %(now)s) ON CONFLICT (key) DO NOTHING
"""

CLAIM_MAIL = """
UPDATE mail_outbox AS m SET state = 'sending', tries = tries + 1, next_at = %(claimed_until)s
  FROM app_user u
 WHERE u.id = m.user_id
   AND m.key = (SELECT key FROM mail_outbox WHERE state IN ('waiting', 'sending') AND next_at <= %(now)s
                 ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING m.key, m.subject, m.body, m.tries, m.created_at, u.email, u.disabled_at IS NOT NULL AS gone
"""

MAIL_SENT = "UPDATE mail_outbox SET state = 'sent', sent_at = %(now)s, words = '' WHERE key = %(key)s"

MAIL_LATER = """
UPDATE mail_outbox SET state = 'waiting', next_at = %(next_at)s, words = %(words)s WHERE key = %(key)s
"""

MAIL_DEAD = "UPDATE mail_outbox SET state = 'dead', words = %(words)s WHERE key = %(key)s"

ATTACHMENT = "SELECT name, content FROM mail_attachment WHERE key = %s"

DROP_ATTACHMENT = "DELETE FROM mail_attachment WHERE key = %s"

FORGET_MAILS = "DELETE FROM mail_outbox WHERE created_at < %s AND state IN ('sent', 'dead')"

CHOICE = "SELECT daily_summary FROM mail_choice WHERE user_id = %s"

PUT_CHOICE = """
INSERT INTO mail_choice (user_id, daily_summary, updated_at) VALUES (%(user)s, %(summary)s, %(now)s)
    ON CONFLICT (user_id) DO UPDATE SET daily_summary = excluded.daily_summary, updated_at = excluded.updated_at
"""

WANT_SUMMARY = """
SELECT u.id, u.role, u.email, u.display_name
  FROM mail_choice c JOIN app_user u ON u.id = c.user_id WHERE c.daily_summary AND u.disabled_at IS NULL
"""
