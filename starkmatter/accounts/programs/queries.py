"""Every SQL statement about programs: API tokens, families of access tokens, refresh tokens and signing keys."""

# --- API tokens ------------------------------------------------------------------------------------------------------

LOCK_PERSON = "SELECT 1 FROM app_user WHERE id = %s FOR UPDATE"

LIVE_TOKENS = "SELECT count(*) FROM api_token WHERE user_id = %s AND revoked_at IS NULL AND expires_at > %s"

INSERT_TOKEN = """
INSERT INTO api_token (id, user_id, token_hash, name, hint, scopes, networks, created_at, expires_at)
VALUES (%(id)s, %(user)s, %(token_hash)s, %(name)s, %(hint)s, %(scopes)s, %(networks)s, %(now)s, %(expires_at)s)
"""

TOKENS_OF = """
SELECT t.id, t.name, t.hint, t.scopes, t.networks, t.created_at, t.expires_at, t.last_used_at, t.last_used_ip,
       t.user_id, u.email
  FROM api_token t JOIN app_user u ON u.id = t.user_id
 WHERE t.user_id = %s AND t.revoked_at IS NULL ORDER BY t.created_at DESC
"""

ALL_TOKENS = """
SELECT t.id, t.name, t.hint, t.scopes, t.networks, t.created_at, t.expires_at, t.last_used_at, t.last_used_ip,
       t.user_id, u.email
  FROM api_token t JOIN app_user u ON u.id = t.user_id
 WHERE t.revoked_at IS NULL ORDER BY lower(u.email), t.created_at DESC LIMIT 1000
"""

REVOKE_TOKEN = "UPDATE api_token SET revoked_at = %s WHERE id = %s AND user_id = %s AND revoked_at IS NULL"

# The owner's are revoked by the owner alone.
REVOKE_ANY_TOKEN = """
UPDATE api_token t SET revoked_at = %(now)s FROM app_user u
 WHERE t.id = %(id)s AND t.revoked_at IS NULL AND u.id = t.user_id AND (u.role <> 'owner' OR u.id = %(by)s)
"""

REVOKE_ALL_TOKENS_OF = "UPDATE api_token SET revoked_at = %s WHERE user_id = %s AND revoked_at IS NULL"

PROGRAM_OF_TOKEN = """
SELECT t.id, t.id AS token_id, t.scopes, t.networks, t.expires_at, t.last_used_at, u.id AS user_id, u.role, u.email,
       u.display_name
  FROM api_token t JOIN app_user u ON u.id = t.user_id
 WHERE t.token_hash = %(token_hash)s AND t.revoked_at IS NULL AND t.expires_at > %(now)s AND u.disabled_at IS NULL
"""

TOUCH_TOKEN = """
UPDATE api_token SET last_used_at = %(now)s, last_used_ip = %(ip)s
 WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < %(before)s)
"""

FORGET_TOKENS = "DELETE FROM api_token WHERE revoked_at < %(before)s OR expires_at < %(before)s"

# --- families of access tokens ----------------------------------------------------------------------------------------

INSERT_FAMILY = """
INSERT INTO token_family (id, token_id, scopes, created_at) VALUES (%(id)s, %(token)s, %(scopes)s, %(now)s)
"""

END_OLDEST_FAMILIES = """
UPDATE token_family SET revoked_at = %(now)s WHERE id IN (
    SELECT id FROM token_family WHERE token_id = %(token)s AND revoked_at IS NULL
     ORDER BY created_at DESC, id OFFSET %(most)s)
"""

PROGRAM_OF_FAMILY = """
SELECT f.id, t.id AS token_id, f.scopes, t.networks, t.expires_at, t.last_used_at, u.id AS user_id, u.role, u.email,
       u.display_name
  FROM token_family f JOIN api_token t ON t.id = f.token_id JOIN app_user u ON u.id = t.user_id
 WHERE f.id = %(family)s AND f.revoked_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > %(now)s
   AND u.disabled_at IS NULL
"""

END_FAMILY = "UPDATE token_family SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL"

ALIVE_PROGRAMS = """
SELECT t.id FROM api_token t JOIN app_user u ON u.id = t.user_id
 WHERE t.id = ANY (%(ids)s) AND t.revoked_at IS NULL AND t.expires_at > %(now)s AND u.disabled_at IS NULL
UNION ALL
SELECT f.id FROM token_family f JOIN api_token t ON t.id = f.token_id JOIN app_user u ON u.id = t.user_id
 WHERE f.id = ANY (%(ids)s) AND f.revoked_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > %(now)s
   AND u.disabled_at IS NULL
"""

FORGET_FAMILIES = """
DELETE FROM token_family f
 WHERE f.revoked_at < %(now)s - interval '1 day' OR (f.created_at < %(before)s
   AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.family_id = f.id AND r.expires_at > %(now)s))
"""

# --- refresh tokens ---------------------------------------------------------------------------------------------------

INSERT_REFRESH = """
INSERT INTO refresh_token (token_hash, family_id, created_at, expires_at)
VALUES (%(token_hash)s, %(family)s, %(now)s, %(expires_at)s)
"""

REFRESH = "SELECT family_id, expires_at, used_at FROM refresh_token WHERE token_hash = %s"

USE_REFRESH = "UPDATE refresh_token SET used_at = %s WHERE token_hash = %s AND used_at IS NULL"

FORGET_REFRESH = "DELETE FROM refresh_token WHERE expires_at < %s"

# --- signing keys -----------------------------------------------------------------------------------------------------

CURRENT_KEY = """
SELECT kid, public_key, nonce, ciphertext, key_version, wrapped_key, kek_version, created_at
  FROM signing_key WHERE retired_at IS NULL
"""

LOCK_CURRENT_KEY = "SELECT created_at FROM signing_key WHERE retired_at IS NULL FOR UPDATE"

INSERT_KEY = """
INSERT INTO signing_key (kid, public_key, nonce, ciphertext, key_version, wrapped_key, kek_version, created_at)
VALUES (%(kid)s, %(public_key)s, %(nonce)s, %(ciphertext)s, %(key_version)s, %(wrapped_key)s, %(kek_version)s, %(now)s)
ON CONFLICT ((retired_at IS NULL)) WHERE retired_at IS NULL DO NOTHING
"""

RETIRE_KEYS = """
UPDATE signing_key SET retired_at = %(now)s, verifies_until = %(verifies_until)s WHERE retired_at IS NULL
"""

END_RETIRED_KEYS = "UPDATE signing_key SET verifies_until = %(now)s WHERE verifies_until > %(now)s"

VERIFYING_KEY = """
SELECT public_key FROM signing_key WHERE kid = %s AND (verifies_until IS NULL OR verifies_until > %s)
"""

VERIFYING_KEYS = """
SELECT kid, public_key FROM signing_key WHERE verifies_until IS NULL OR verifies_until > %s ORDER BY created_at DESC
"""

FORGET_KEYS = "DELETE FROM signing_key WHERE verifies_until < %s"
