"""SQL of moving sealed rows under a newer key. A row is written only while it is what was read: a person's change wins.

Each SELECT begins with what names the row's place; the first of it is the row's key.
"""

DUE_SECRETS = """
SELECT id, kind, owner_id, nonce, ciphertext, key_version, wrapped_key, kek_version FROM vault_secret
 WHERE kek_version IS DISTINCT FROM %(newest)s AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
 ORDER BY id LIMIT %(most)s
"""

PUT_SECRET = """
UPDATE vault_secret SET nonce = %(nonce)s, ciphertext = %(ciphertext)s, key_version = %(key_version)s,
       wrapped_key = %(wrapped_key)s, kek_version = %(kek_version)s
 WHERE id = %(key)s AND ciphertext = %(was)s AND wrapped_key IS NOT DISTINCT FROM %(was_wrapped)s
"""

DUE_SEEDS = """
SELECT user_id, nonce, ciphertext, key_version, wrapped_key, kek_version FROM user_totp
 WHERE kek_version IS DISTINCT FROM %(newest)s AND (%(after)s::uuid IS NULL OR user_id > %(after)s::uuid)
 ORDER BY user_id LIMIT %(most)s
"""

PUT_SEED = """
UPDATE user_totp SET nonce = %(nonce)s, ciphertext = %(ciphertext)s, key_version = %(key_version)s,
       wrapped_key = %(wrapped_key)s, kek_version = %(kek_version)s
 WHERE user_id = %(key)s AND ciphertext = %(was)s AND wrapped_key IS NOT DISTINCT FROM %(was_wrapped)s
"""

DUE_SIGNING_KEYS = """
SELECT kid, nonce, ciphertext, key_version, wrapped_key, kek_version FROM signing_key
 WHERE kek_version IS DISTINCT FROM %(newest)s AND (%(after)s::text IS NULL OR kid > %(after)s::text)
 ORDER BY kid LIMIT %(most)s
"""

PUT_SIGNING_KEY = """
UPDATE signing_key SET nonce = %(nonce)s, ciphertext = %(ciphertext)s, key_version = %(key_version)s,
       wrapped_key = %(wrapped_key)s, kek_version = %(kek_version)s
 WHERE kid = %(key)s AND ciphertext = %(was)s AND wrapped_key IS NOT DISTINCT FROM %(was_wrapped)s
"""

DUE_FILES = """
SELECT import_id, nonce, ciphertext, key_version, wrapped_key, kek_version FROM import_file
 WHERE kek_version IS DISTINCT FROM %(newest)s AND (%(after)s::uuid IS NULL OR import_id > %(after)s::uuid)
 ORDER BY import_id LIMIT %(most)s
"""

PUT_FILE_KEY = """
UPDATE import_file SET nonce = %(nonce)s, ciphertext = %(ciphertext)s, key_version = %(key_version)s,
       wrapped_key = %(wrapped_key)s, kek_version = %(kek_version)s
 WHERE import_id = %(key)s AND ciphertext = %(was)s AND wrapped_key IS NOT DISTINCT FROM %(was_wrapped)s
"""

ROWS_BY_VERSION = """
SELECT version, count(*) FROM (
         SELECT kek_version AS version FROM vault_secret
         UNION ALL SELECT kek_version FROM user_totp
         UNION ALL SELECT kek_version FROM signing_key
         UNION ALL SELECT kek_version FROM import_file
       ) AS sealed
 GROUP BY version ORDER BY version
"""
