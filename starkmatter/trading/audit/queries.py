"""SQL of the journals' way into the audit log."""

POSITION = "SELECT booked_at FROM audit_position WHERE journal = 'trading'"

PUT_POSITION = """
INSERT INTO audit_position (journal, booked_at) VALUES ('trading', %s)
    ON CONFLICT (journal) DO UPDATE SET booked_at = greatest(audit_position.booked_at, excluded.booked_at)
"""

# What is not in the log yet of orders that came or ended, and of entries of the ledger, the oldest first. Of
# a tracked account there is one event for a whole import.
NOT_IN_THE_LOG = """
SELECT * FROM (
    SELECT 'order_event/' || e.order_id || '/' || e.sequence AS source, e.booked_at, u.id AS user_id, u.display_name,
           CASE e.sequence WHEN 1 THEN o.risk->>'ip' END AS ip, CASE e.sequence WHEN 1 THEN o.risk->>'via' END AS via,
           e.status AS what, e.order_id, o.account_id, e.reason AS words,
           jsonb_build_object('account', o.account_id, 'symbol', o.symbol, 'side', o.side, 'type', o.type,
                              'qty', trim_scale(o.qty)::text, 'limit_price', trim_scale(o.limit_price)::text,
                              'stop_price', trim_scale(o.stop_price)::text, 'notional', trim_scale(o.notional)::text,
                              'trail_amount', trim_scale(o.trail_amount)::text,
                              'trail_percent', trim_scale(o.trail_percent)::text) AS facts
      FROM order_event e JOIN trade_order o ON o.id = e.order_id JOIN account a ON a.id = o.account_id
      JOIN app_user u ON u.id = CASE e.sequence WHEN 1 THEN coalesce(o.placed_by, a.user_id) ELSE a.user_id END
     WHERE e.booked_at >= %(since)s
       AND (e.sequence = 1 OR e.status IN ('canceled', 'expired', 'rejected', 'replaced', 'not_sent'))
    UNION ALL
    SELECT 'ledger_entry/' || e.id, e.booked_at, a.user_id, u.display_name, NULL, NULL, e.kind, e.order_id,
           e.account_id, e.description,
           jsonb_build_object('account', e.account_id, 'fill', e.fill_id, 'cash', (
               SELECT trim_scale(sum(leg.amount))::text FROM unnest(e.accounts, e.amounts) AS leg (account, amount)
                WHERE leg.account = 'assets:cash'))
      FROM ledger_entry e JOIN account a ON a.id = e.account_id JOIN app_user u ON u.id = a.user_id
     WHERE e.booked_at >= %(since)s AND a.broker <> 'tracked'
) found
 WHERE NOT EXISTS (SELECT FROM audit_event x WHERE x.source = found.source)
 ORDER BY booked_at, source LIMIT %(limit)s
"""
