"""Every SQL statement about sign-in at other houses."""

PUT_FLOW = """
INSERT INTO oidc_flow (state_hash, browser_hash, provider, issuer, purpose, user_id, invitation_hash, next_path,
                       expires_at)
VALUES (%(state)s, %(browser)s, %(provider)s, %(issuer)s, %(purpose)s, %(user)s, %(invitation)s, %(next_path)s,
        %(expires_at)s)
"""

# Of those that come with one state at the same instant one deletes the row and goes on.
TAKE_FLOW = """
DELETE FROM oidc_flow
 WHERE state_hash = %(state)s AND browser_hash = %(browser)s AND provider = %(provider)s AND purpose <> 'factor'
   AND expires_at > %(now)s
RETURNING provider, issuer, purpose, user_id, invitation_hash, next_path
"""

FLOW_AT_SECOND_STEP = """
SELECT provider, issuer, purpose, user_id, invitation_hash, next_path FROM oidc_flow
 WHERE state_hash = %(state)s AND purpose = 'factor' AND expires_at > %(now)s
"""

TAKE_FLOW_AT_SECOND_STEP = """
DELETE FROM oidc_flow WHERE state_hash = %(state)s AND purpose = 'factor' AND expires_at > %(now)s RETURNING user_id
"""

FORGET_FLOWS = "DELETE FROM oidc_flow WHERE expires_at < %s"

# Whoever is kept out is nobody here, in the same words as somebody who is not linked.
USE_IDENTITY = """
UPDATE oidc_identity i SET last_used_at = %(now)s FROM app_user u
 WHERE i.provider = %(provider)s AND i.issuer = %(issuer)s AND i.subject = %(subject)s AND u.id = i.user_id
   AND u.disabled_at IS NULL
RETURNING u.id, u.role, u.email, u.display_name
"""

PERSON = "SELECT id, role, email, display_name FROM app_user WHERE id = %s AND disabled_at IS NULL"

PUT_IDENTITY = """
INSERT INTO oidc_identity (id, user_id, provider, issuer, subject, label, created_at)
VALUES (%(id)s, %(user)s, %(provider)s, %(issuer)s, %(subject)s, %(label)s, %(now)s)
ON CONFLICT (provider, issuer, subject) DO UPDATE SET label = excluded.label
 WHERE oidc_identity.user_id = excluded.user_id
RETURNING id
"""

IDENTITIES = """
SELECT id, provider, label, created_at, last_used_at FROM oidc_identity WHERE user_id = %s ORDER BY created_at, id
"""

LOCK_PERSON = "SELECT passphrase_hash FROM app_user WHERE id = %s FOR UPDATE"

OTHER_WAYS = """
SELECT (SELECT count(*) FROM oidc_identity
         WHERE user_id = %(user)s AND id <> %(id)s AND provider = ANY (%(connected)s))
       + (SELECT count(*) FROM passkey WHERE user_id = %(user)s)
"""

DROP_IDENTITY = "DELETE FROM oidc_identity WHERE id = %(id)s AND user_id = %(user)s"
