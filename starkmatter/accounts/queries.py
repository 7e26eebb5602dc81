"""Every SQL statement of the accounts room."""

OWNER_EXISTS = "SELECT EXISTS (SELECT 1 FROM app_user WHERE role = 'owner')"

INSERT_USER = """
INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)
VALUES (%(id)s, %(email)s, %(display_name)s, %(role)s, %(passphrase_hash)s, %(now)s)
ON CONFLICT ((lower(email))) DO NOTHING RETURNING id
"""

USER_FOR_LOGIN = """
SELECT id, passphrase_hash, role, email, display_name FROM app_user
 WHERE lower(email) = lower(%s) AND disabled_at IS NULL
"""

INSERT_SESSION = """
INSERT INTO user_session (id, user_id, token_hash, created_at, last_seen_at, expires_at, ip, user_agent, proven_at)
VALUES (%(id)s, %(user)s, %(token_hash)s, %(now)s, %(now)s, %(expires_at)s, %(ip)s, %(user_agent)s, %(now)s)
"""

CALLER_OF_TOKEN = """
SELECT u.id AS user_id, s.id AS session_id, u.role, u.email, u.display_name, s.last_seen_at, s.proven_at
  FROM user_session s JOIN app_user u ON u.id = s.user_id
 WHERE s.token_hash = %(token_hash)s AND s.revoked_at IS NULL AND s.expires_at > %(now)s
   AND s.last_seen_at > %(idle_since)s AND u.disabled_at IS NULL
"""

TOUCH_SESSION = "UPDATE user_session SET last_seen_at = %s WHERE id = %s AND revoked_at IS NULL"

ALIVE_SESSIONS = """
SELECT s.id, s.proven_at FROM user_session s JOIN app_user u ON u.id = s.user_id
 WHERE s.id = ANY (%(ids)s) AND s.revoked_at IS NULL AND s.expires_at > %(now)s AND s.last_seen_at > %(idle_since)s
   AND u.disabled_at IS NULL
"""

SESSIONS = """
SELECT id, created_at, last_seen_at, expires_at, ip, user_agent FROM user_session
 WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s AND last_seen_at > %(idle_since)s
 ORDER BY last_seen_at DESC
"""

REVOKE_SESSION = "UPDATE user_session SET revoked_at = %s WHERE id = %s AND user_id = %s AND revoked_at IS NULL"

REVOKE_OTHERS = """
UPDATE user_session SET revoked_at = %s WHERE user_id = %s AND id <> %s AND revoked_at IS NULL RETURNING id
"""

RENEW_SESSION = """
UPDATE user_session
   SET former_token_hash = token_hash, token_hash = %(token_hash)s, proven_at = %(now)s, last_seen_at = %(now)s,
       factor_at = CASE WHEN %(factor)s THEN clock_timestamp() ELSE factor_at END
 WHERE id = %(session)s AND user_id = %(user)s AND revoked_at IS NULL
"""

HAS_JUST_HAD = """
SELECT EXISTS (SELECT FROM user_session WHERE id = %(session)s AND former_token_hash = %(former)s
                  AND revoked_at IS NULL AND proven_at > %(since)s)
"""

PROVEN_AT = "SELECT proven_at FROM user_session WHERE id = %s AND user_id = %s AND revoked_at IS NULL"

DELETE_OLD_SESSIONS = "DELETE FROM user_session WHERE expires_at < %s OR revoked_at < %s"

REPLACE_SETUP_TOKEN = "INSERT INTO setup_token (token_hash, created_at) VALUES (%s, %s)"

DROP_UNUSED_SETUP_TOKENS = "DELETE FROM setup_token WHERE used_at IS NULL"

USE_SETUP_TOKEN = "UPDATE setup_token SET used_at = %s WHERE token_hash = %s AND used_at IS NULL"

SETUP_TOKEN_OPEN = "SELECT EXISTS (SELECT 1 FROM setup_token WHERE token_hash = %s AND used_at IS NULL)"

LOCK_SETUP = "SELECT pg_advisory_xact_lock(%s)"

UPDATE_PROFILE = "UPDATE app_user SET display_name = %s WHERE id = %s"

APPEARANCE = "SELECT appearance FROM app_user WHERE id = %s"

# The one that was chosen, else that of the first account.
BASE_CURRENCY = """
SELECT coalesce(u.base_currency,
                (SELECT a.currency FROM account a WHERE a.user_id = u.id ORDER BY a.created_at, a.id LIMIT 1))
  FROM app_user u WHERE u.id = %s
"""

OTHER_BASE_CURRENCIES = "SELECT EXISTS (SELECT FROM app_user WHERE base_currency <> %s)"

SET_BASE_CURRENCY = "UPDATE app_user SET base_currency = %s WHERE id = %s"

SET_APPEARANCE = "UPDATE app_user SET appearance = %s::jsonb WHERE id = %s"

PUT_SECRET = """
INSERT INTO vault_secret (
  id, kind, owner_id, nonce, ciphertext, key_version, wrapped_key, kek_version, hints, updated_at)
VALUES (%(id)s, %(kind)s, %(owner)s, %(nonce)s, %(ciphertext)s, %(key_version)s, %(wrapped_key)s, %(kek_version)s,
        %(hints)s::jsonb, %(now)s)
ON CONFLICT (kind, owner_id) DO UPDATE
   SET id = excluded.id, nonce = excluded.nonce, ciphertext = excluded.ciphertext, key_version = excluded.key_version,
       wrapped_key = excluded.wrapped_key, kek_version = excluded.kek_version,
       hints = excluded.hints, updated_at = excluded.updated_at, tested_at = NULL, tested_ok = NULL, tested_text = ''
"""

SECRET = """
SELECT id, nonce, ciphertext, key_version, wrapped_key, kek_version FROM vault_secret
 WHERE kind = %(kind)s AND owner_id IS NOT DISTINCT FROM %(owner)s
"""

SECRETS = """
SELECT kind, hints, updated_at, tested_at, tested_ok, tested_text FROM vault_secret
 WHERE owner_id IS NOT DISTINCT FROM %(owner)s
"""

DELETE_SECRET = "DELETE FROM vault_secret WHERE kind = %(kind)s AND owner_id IS NOT DISTINCT FROM %(owner)s"

NOTE_TEST = """
UPDATE vault_secret SET tested_at = %(now)s, tested_ok = %(ok)s, tested_text = %(text)s
 WHERE kind = %(kind)s AND owner_id IS NOT DISTINCT FROM %(owner)s
"""

# --- the second factor -----------------------------------------------------------------------------------------------

PUT_TOTP = """
INSERT INTO user_totp (
  user_id, nonce, ciphertext, key_version, wrapped_key, kek_version, last_step, tries, tries_since, created_at)
VALUES (%(user)s, %(nonce)s, %(ciphertext)s, %(key_version)s, %(wrapped_key)s, %(kek_version)s, 0, 0, %(now)s, %(now)s)
ON CONFLICT (user_id) DO UPDATE
   SET nonce = excluded.nonce, ciphertext = excluded.ciphertext, key_version = excluded.key_version,
       wrapped_key = excluded.wrapped_key, kek_version = excluded.kek_version, last_step = 0,
       created_at = excluded.created_at
 WHERE user_totp.confirmed_at IS NULL
RETURNING user_id
"""

TOTP = """
SELECT nonce, ciphertext, key_version, wrapped_key, kek_version, confirmed_at FROM user_totp WHERE user_id = %s
"""

# One row changes while tries are left; the window starts anew after an hour.
TAKE_TRY = """
UPDATE user_totp
   SET tries = CASE WHEN tries_since < %(hour_ago)s THEN 1 ELSE tries + 1 END,
       tries_since = CASE WHEN tries_since < %(hour_ago)s THEN %(now)s ELSE tries_since END
 WHERE user_id = %(user)s AND (tries_since < %(hour_ago)s OR tries < %(most)s)
RETURNING tries
"""

USE_STEP = "UPDATE user_totp SET last_step = %(step)s, tries = 0 WHERE user_id = %(user)s AND last_step < %(step)s"

CONFIRM_TOTP = "UPDATE user_totp SET confirmed_at = %(now)s WHERE user_id = %(user)s AND confirmed_at IS NULL"

DROP_TOTP = "DELETE FROM user_totp WHERE user_id = %s"

DROP_RECOVERY_CODES = "DELETE FROM recovery_code WHERE user_id = %s"

PUT_RECOVERY_CODES = """
INSERT INTO recovery_code (user_id, code_hash, created_at)
SELECT %(user)s, h, %(now)s FROM unnest(%(hashes)s::bytea[]) AS h
"""

USE_RECOVERY_CODE = """
UPDATE recovery_code SET used_at = %(now)s WHERE user_id = %(user)s AND code_hash = %(hash)s AND used_at IS NULL
"""

RECOVERY_CODES_LEFT = "SELECT count(*) FROM recovery_code WHERE user_id = %s AND used_at IS NULL"

PASSPHRASE_HASH = "SELECT passphrase_hash FROM app_user WHERE id = %s AND disabled_at IS NULL"

# --- how often a sign-in may be tried ---------------------------------------------------------------------------------

# No row comes back while a pause lasts. A key's row is locked meanwhile, so tries at one instant are counted in turn,
# in whatever order they come: after a free try the next instant lies in the past.
TAKE_SIGN_IN_TRY = """
INSERT INTO sign_in_try AS t (key, tries, next_at, updated_at)
VALUES (%(key)s, 1, %(now)s - interval '1 minute', %(now)s)
ON CONFLICT (key) DO UPDATE
   SET tries = CASE WHEN t.updated_at < %(forgotten_before)s THEN 1 ELSE t.tries + 1 END,
       next_at = CASE
           WHEN t.updated_at < %(forgotten_before)s OR t.tries + 1 < %(free)s THEN %(now)s - interval '1 minute'
           ELSE %(now)s + least(interval '1 second' * power(2, least(t.tries + 1 - %(free)s, 20)), %(longest)s)
       END,
       updated_at = %(now)s
 WHERE t.next_at <= %(now)s OR t.updated_at < %(forgotten_before)s
RETURNING tries
"""

NEXT_SIGN_IN_TRY = "SELECT next_at FROM sign_in_try WHERE key = %s"

TAKE_ADDRESS_TRY = """
INSERT INTO sign_in_try AS t (key, tries, next_at, updated_at) VALUES (%(key)s, 1, %(now)s, %(now)s)
ON CONFLICT (key) DO UPDATE
   SET tries = CASE WHEN t.updated_at < %(since)s THEN 1 ELSE t.tries + 1 END,
       updated_at = CASE WHEN t.updated_at < %(since)s THEN %(now)s ELSE t.updated_at END
 WHERE t.updated_at < %(since)s OR t.tries < %(most)s
RETURNING tries
"""

ADDRESS_TRIES_SINCE = "SELECT updated_at FROM sign_in_try WHERE key = %s"

FORGET_TRIES = "DELETE FROM sign_in_try WHERE key = %s"

FORGET_OLD_TRIES = "DELETE FROM sign_in_try WHERE updated_at < %s"

KNOWS_DEVICE = """
SELECT 1 FROM known_device d JOIN app_user u ON u.id = d.user_id WHERE d.token_hash = %s AND lower(u.email) = lower(%s)
"""

PUT_DEVICE = """
INSERT INTO known_device (token_hash, user_id, seen_at) VALUES (%(token_hash)s, %(user)s, %(now)s)
ON CONFLICT (token_hash, user_id) DO UPDATE SET seen_at = excluded.seen_at
"""

DROP_OLDEST_DEVICES = """
DELETE FROM known_device WHERE user_id = %(user)s AND token_hash NOT IN (
    SELECT token_hash FROM known_device WHERE user_id = %(user)s ORDER BY seen_at DESC LIMIT %(most)s)
"""

# --- a new passphrase -------------------------------------------------------------------------------------------------

SET_PASSPHRASE = "UPDATE app_user SET passphrase_hash = %s WHERE id = %s"

PERSON_OF_ADDRESS = """
SELECT id, email, display_name FROM app_user WHERE lower(email) = lower(%s) AND disabled_at IS NULL
"""

PERSON_TO_HELP = """
SELECT id, email, display_name FROM app_user
 WHERE id = %(user)s AND id <> %(by)s AND disabled_at IS NULL AND role <> 'owner' AND (role <> 'admin' OR %(by_owner)s)
"""

PUT_RESET_LINK = """
INSERT INTO passphrase_reset (token_hash, user_id, created_by, created_at, expires_at)
SELECT %(token_hash)s, %(user)s, %(by)s, %(now)s, %(expires_at)s
 WHERE (SELECT count(*) FROM passphrase_reset
         WHERE user_id = %(user)s AND used_at IS NULL AND expires_at > %(now)s) < %(most)s
"""

RESET_LINK_OF = """
SELECT u.id, u.email, u.display_name FROM passphrase_reset r JOIN app_user u ON u.id = r.user_id
 WHERE r.token_hash = %(token_hash)s AND r.used_at IS NULL AND r.expires_at > %(now)s AND u.disabled_at IS NULL
"""

USE_RESET_LINK = """
UPDATE passphrase_reset SET used_at = %(now)s
 WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > %(now)s
"""

DROP_RESET_LINKS = "DELETE FROM passphrase_reset WHERE user_id = %s AND used_at IS NULL"

END_REPORT_LINKS = "UPDATE report_link SET revoked_at = %s WHERE user_id = %s AND revoked_at IS NULL"

FORGET_RESET_LINKS = "DELETE FROM passphrase_reset WHERE expires_at < %s"

# --- people and invitations ------------------------------------------------------------------------------------------

PEOPLE = """
SELECT u.id, u.email, u.display_name, u.role, u.created_at, u.disabled_at,
       EXISTS (SELECT 1 FROM user_totp t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS has_second_factor,
       (SELECT max(s.last_seen_at) FROM user_session s WHERE s.user_id = u.id) AS last_seen_at
  FROM app_user u ORDER BY u.created_at
"""

# What comes back is the former role.
SET_ROLE = """
UPDATE app_user u SET role = %(role)s FROM (SELECT id, role FROM app_user WHERE id = %(user)s FOR UPDATE) AS former
 WHERE u.id = former.id AND u.role <> 'owner' AND u.id <> %(by)s RETURNING former.role
"""

SET_DISABLED = "UPDATE app_user SET disabled_at = %(at)s WHERE id = %(user)s AND role <> 'owner' AND id <> %(by)s"

REVOKE_ALL_OF = "UPDATE user_session SET revoked_at = %s WHERE user_id = %s AND revoked_at IS NULL RETURNING id"

PUT_INVITATION = """
INSERT INTO invitation (token_hash, role, created_by, created_at, expires_at)
VALUES (%(token_hash)s, %(role)s, %(by)s, %(now)s, %(expires_at)s)
"""

INVITATION_OPEN = """
SELECT role FROM invitation WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > %(now)s
"""

USE_INVITATION = """
UPDATE invitation SET used_at = %(now)s
 WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > %(now)s
RETURNING role
"""

# --- one action, confirmed once ---------------------------------------------------------------------------------------

PUT_CONFIRMATION = """
INSERT INTO confirmation (token_hash, session_id, action, content_hash, expires_at)
VALUES (%(token_hash)s, %(session)s, %(action)s, %(content_hash)s, %(expires_at)s)
"""

# Whatever it was for: who shows a confirmation has used it up.
TAKE_CONFIRMATION = """
DELETE FROM confirmation WHERE token_hash = %s RETURNING session_id, action, content_hash, expires_at
"""

FORGET_CONFIRMATIONS = "DELETE FROM confirmation WHERE expires_at < %s"
