"""Every SQL statement about passkeys."""

PUT_CHALLENGE = """
INSERT INTO passkey_challenge (key, challenge, expires_at) VALUES (%(key)s, %(challenge)s, %(expires_at)s)
ON CONFLICT (key) DO UPDATE SET challenge = excluded.challenge, expires_at = excluded.expires_at
"""

# Whoever answers first deletes it; an answer that comes too late uses it up as well.
TAKE_CHALLENGE = "DELETE FROM passkey_challenge WHERE key = %s RETURNING challenge, expires_at"

FORGET_CHALLENGES = "DELETE FROM passkey_challenge WHERE expires_at < %s"

# The person's row is locked first, so that no more than `most` get in however many come at once.
LOCK_PERSON = "SELECT 1 FROM app_user WHERE id = %s FOR UPDATE"

PUT_PASSKEY = """
INSERT INTO passkey (id, user_id, credential_id, public_key, sign_count, name, created_at)
SELECT %(id)s, %(user)s, %(credential_id)s, %(public_key)s, %(sign_count)s, %(name)s, %(now)s
 WHERE (SELECT count(*) FROM passkey WHERE user_id = %(user)s) < %(most)s
ON CONFLICT (credential_id) DO NOTHING
"""

PASSKEYS = "SELECT id, name, created_at, last_used_at FROM passkey WHERE user_id = %s ORDER BY created_at"

CREDENTIAL_IDS = "SELECT credential_id FROM passkey WHERE user_id = %s"

HAS_PASSKEY = "SELECT EXISTS (SELECT 1 FROM passkey WHERE user_id = %s)"

CREDENTIAL = """
SELECT p.id, p.public_key, p.sign_count, u.id AS user_id, u.role, u.email, u.display_name
  FROM passkey p JOIN app_user u ON u.id = p.user_id
 WHERE p.credential_id = %s AND u.disabled_at IS NULL
"""

# By compare and set: of two answers with one count of the device, one is good.
USE_PASSKEY = """
UPDATE passkey SET sign_count = %(new_count)s, last_used_at = %(now)s WHERE id = %(id)s AND sign_count = %(old_count)s
"""

RENAME_PASSKEY = "UPDATE passkey SET name = %(name)s WHERE id = %(id)s AND user_id = %(user)s"

DELETE_PASSKEY = "DELETE FROM passkey WHERE id = %s AND user_id = %s"
