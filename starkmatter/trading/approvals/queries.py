"""Every SQL statement about approvals."""

from starkmatter.accounts.sharing.queries import MAY_SEE

# Proposing takes no more than seeing the account.
ACCOUNT_SEEN = f"""
SELECT a.id, a.user_id, a.venue, a.broker, a.mode, a.currency, a.preset, a.kind FROM account a
 WHERE a.id = %(account)s AND a.closed_at IS NULL AND {MAY_SEE}
"""

INSERT = """
INSERT INTO approval (id, account_id, proposed_by, source, symbol, side, type, qty, limit_price, time_in_force, thesis,
                      invalidation, ticket_hash, reference_price, created_at, expires_at)
VALUES (%(id)s, %(account)s, %(user)s, %(source)s, %(symbol)s, %(side)s, %(type)s, %(qty)s, %(limit_price)s,
        %(time_in_force)s, %(thesis)s, %(invalidation)s, %(hash)s, %(price)s, %(now)s, %(expires_at)s)
"""

WAITING_OF = """
SELECT count(*) FROM approval WHERE account_id = %s AND decision IS NULL AND expires_at > %s
"""

_COLUMNS = """
       p.id, p.account_id, p.proposed_by, p.source, p.symbol, p.side, p.type, p.qty, p.limit_price, p.time_in_force,
       p.thesis, p.invalidation, p.ticket_hash, p.reference_price, p.created_at, p.expires_at, p.decision, p.decided_by,
       p.decided_at, p.valid_until, p.used_at, p.order_id, a.name AS account_name, a.approval_drift_pct AS drift_pct,
       u.display_name AS proposed_by_name, coalesce(d.display_name, '') AS decided_by_name,
       a.user_id = %(user)s OR may_trade(a.id, %(user)s) AS may_confirm
  FROM approval p JOIN account a ON a.id = p.account_id JOIN app_user u ON u.id = p.proposed_by
  LEFT JOIN app_user d ON d.id = p.decided_by
"""

ONE = f"SELECT {_COLUMNS} WHERE p.id = %(approval)s AND {MAY_SEE}"

LIST = f"""
SELECT {_COLUMNS}
 WHERE {MAY_SEE} AND (NOT %(waiting)s OR (p.decision IS NULL AND p.expires_at > %(now)s))
 ORDER BY p.created_at DESC, p.id LIMIT %(limit)s
"""

COUNT_WAITING = """
SELECT count(*) FROM approval p JOIN account a ON a.id = p.account_id
 WHERE p.decision IS NULL AND p.expires_at > %(now)s AND (a.user_id = %(user)s OR may_trade(a.id, %(user)s))
"""

# Compare and set: of two who decide at once one does, and only about the very ticket they saw.
DECIDE = """
UPDATE approval SET decision = %(decision)s, decided_by = %(user)s, decided_at = %(now)s, valid_until = %(valid_until)s
 WHERE id = %(approval)s AND decision IS NULL AND expires_at > %(now)s AND ticket_hash = %(hash)s
"""

USED = """
UPDATE approval SET used_at = %(now)s, order_id = %(order)s
 WHERE id = %(approval)s AND decision = 'confirmed' AND used_at IS NULL
"""

SET_DRIFT = "UPDATE account SET approval_drift_pct = %(drift)s WHERE id = %(account)s AND user_id = %(user)s"

DRIFT = "SELECT approval_drift_pct FROM account WHERE id = %s"

FORGET = "DELETE FROM approval WHERE created_at < %s"
