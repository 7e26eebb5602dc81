"""Every SQL statement about reports: schedules by mail, and links for people without an account."""

from starkmatter.accounts.sharing.queries import MAY_SEE

OPENED_AT = f"SELECT a.opened_venue_at FROM account a WHERE a.id = %(account)s AND {MAY_SEE}"

OWN_ACCOUNTS = "SELECT count(*) FROM account WHERE id = ANY (%(accounts)s) AND user_id = %(user)s"

LOCK_PERSON = "SELECT 1 FROM app_user WHERE id = %s FOR NO KEY UPDATE"

# --- schedules --------------------------------------------------------------------------------------------------------

_SCHEDULE = """s.id, s.user_id, s.account_ids, s.every, s.sections, s.benchmark, s.amounts, s.done_until, s.created_at,
       s.last_at, s.words"""

SCHEDULES_OF = f"""
SELECT {_SCHEDULE}, coalesce(m.state, '') AS mail, coalesce(m.words, '') AS mail_words
  FROM report_schedule s LEFT JOIN mail_outbox m ON m.key = s.mail_key
 WHERE s.user_id = %(user)s ORDER BY s.created_at DESC, s.id
"""

COUNT_SCHEDULES = "SELECT count(*) FROM report_schedule WHERE user_id = %s"

INSERT_SCHEDULE = """
INSERT INTO report_schedule (id, user_id, account_ids, every, sections, benchmark, amounts, done_until, created_at)
VALUES (%(id)s, %(user)s, %(accounts)s, %(every)s, %(sections)s, %(benchmark)s, %(amounts)s, %(done_until)s, %(now)s)
"""

DELETE_SCHEDULE = "DELETE FROM report_schedule WHERE id = %(id)s AND user_id = %(user)s"

ALL_SCHEDULES = f"""
SELECT {_SCHEDULE}, '' AS mail, '' AS mail_words, u.role, u.email, u.display_name
  FROM report_schedule s JOIN app_user u ON u.id = s.user_id
 WHERE u.disabled_at IS NULL ORDER BY s.last_at NULLS FIRST, s.id
"""

# Only the first of two workers finds the period not done yet, and a schedule that was stopped meanwhile is not found.
TAKE_PERIOD = """
UPDATE report_schedule SET done_until = %(end)s, last_at = %(now)s, words = %(words)s,
       mail_key = coalesce(%(key)s, mail_key)
 WHERE id = %(id)s AND done_until < %(end)s
"""

SAY = "UPDATE report_schedule SET words = %(words)s WHERE id = %(id)s"

PUT_ATTACHMENT = """
INSERT INTO mail_attachment (key, user_id, name, content) VALUES (%(key)s, %(user)s, %(name)s, %(content)s)
"""

# --- links ------------------------------------------------------------------------------------------------------------

_LINK = """l.id, l.user_id, l.hint, l.label, l.account_ids, l.period, l.sections, l.benchmark, l.amounts, l.created_at,
       l.expires_at, l.last_used_at, l.last_used_ip, l.uses"""

LINKS_OF = f"""
SELECT {_LINK} FROM report_link l WHERE l.user_id = %(user)s AND l.revoked_at IS NULL ORDER BY l.created_at DESC, l.id
"""

LIVE_LINKS = "SELECT count(*) FROM report_link WHERE user_id = %s AND revoked_at IS NULL AND expires_at > %s"

INSERT_LINK = """
INSERT INTO report_link (id, user_id, token_hash, hint, label, account_ids, period, sections, benchmark, amounts,
                         created_at, expires_at)
VALUES (%(id)s, %(user)s, %(token_hash)s, %(hint)s, %(label)s, %(accounts)s, %(period)s, %(sections)s, %(benchmark)s,
        %(amounts)s, %(now)s, %(expires_at)s)
"""

REVOKE_LINK = """
UPDATE report_link SET revoked_at = %(now)s WHERE id = %(id)s AND user_id = %(user)s AND revoked_at IS NULL
"""

# Whoever made it must still be let in and own every account of it.
LINK_OF_TOKEN = f"""
SELECT {_LINK}, u.role, u.email, u.display_name
  FROM report_link l JOIN app_user u ON u.id = l.user_id
 WHERE l.token_hash = %(token_hash)s AND l.revoked_at IS NULL AND l.expires_at > %(now)s AND u.disabled_at IS NULL
"""

USE_LINK = """
UPDATE report_link SET uses = uses + 1, last_used_at = %(now)s, last_used_ip = %(ip)s WHERE id = %(id)s
"""

FORGET_LINKS = "DELETE FROM report_link WHERE coalesce(revoked_at, expires_at) < %s"
