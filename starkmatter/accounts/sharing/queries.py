"""Every SQL statement about shared accounts, and the condition other rooms put on `account a`."""

# The caller, %(user)s, owns the account or has been let in.
MAY_SEE = """(a.user_id = %(user)s
        OR EXISTS (SELECT FROM account_share s WHERE s.account_id = a.id AND s.user_id = %(user)s))"""

SHARES = """
SELECT s.account_id, s.user_id, u.display_name, u.email, s.level, s.created_at
  FROM account_share s JOIN account a ON a.id = s.account_id JOIN app_user u ON u.id = s.user_id
 WHERE a.user_id = %(user)s AND (%(account)s::uuid IS NULL OR s.account_id = %(account)s)
 ORDER BY lower(u.display_name), u.id
"""

OWNS = "SELECT EXISTS (SELECT FROM account WHERE id = %s AND user_id = %s)"

PERSON_OF_EMAIL = """
SELECT id, display_name FROM app_user WHERE lower(email) = lower(%s) AND disabled_at IS NULL
"""

PUT_SHARE = """
INSERT INTO account_share (account_id, user_id, level, shared_by, created_at)
SELECT a.id, %(person)s, %(level)s, a.user_id, %(now)s FROM account a
 WHERE a.id = %(account)s AND a.user_id = %(user)s AND a.user_id <> %(person)s
ON CONFLICT (account_id, user_id) DO UPDATE SET level = excluded.level
"""

COUNT_SHARES = "SELECT count(*) FROM account_share WHERE account_id = %s"

DROP_SHARE = """
DELETE FROM account_share s USING account a
 WHERE a.id = s.account_id AND s.account_id = %(account)s AND s.user_id = %(person)s
   AND (a.user_id = %(user)s OR s.user_id = %(user)s)
"""

LEVEL = "SELECT level FROM account_share WHERE account_id = %s AND user_id = %s"

# Who hears of an account's orders besides its owner.
LISTENERS = """
SELECT s.account_id, s.user_id FROM account_share s JOIN app_user u ON u.id = s.user_id WHERE u.disabled_at IS NULL
"""
