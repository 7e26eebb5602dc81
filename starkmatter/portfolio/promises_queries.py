"""The promises of the books (SAFETY A.2) as one SQL statement that finds every broken one.

Each fill's value is kept to a millionth, so an order's may differ from theirs by half a millionth for each.
"""

BROKEN_INVARIANTS = """
WITH posted AS (
    SELECT account_id, account, commodity, sum(amount) AS amount FROM ledger_posting GROUP BY 1, 2, 3
), held AS (
    SELECT account_id, symbol, sum(qty) AS qty FROM (
        SELECT account_id, symbol, CASE side WHEN 'buy' THEN qty ELSE -qty END AS qty FROM fill
        UNION ALL
        SELECT e.account_id, leg.commodity, leg.amount
          FROM ledger_entry e, unnest(e.accounts, e.commodities, e.amounts) AS leg (account, commodity, amount)
         WHERE leg.account = 'assets:holding' AND (e.kind <> 'fill' OR e.fill_id IS NULL)
    ) AS moved GROUP BY 1, 2
), open_buys AS (
    SELECT account_id, sum(reserved) AS reserved FROM trade_order GROUP BY 1
), open_sells AS (
    SELECT account_id, symbol, sum(qty) AS qty FROM (
        SELECT account_id, symbol, qty - filled_qty AS qty FROM trade_order
         WHERE side = 'sell' AND role IS NULL
           AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
        UNION ALL
        SELECT account_id, symbol, group_left(group_id) FROM trade_order WHERE group_id IS NOT NULL
         GROUP BY 1, 2, group_id
        HAVING bool_or(role <> 'entry' AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced',
                                                          'rejected', 'not_sent'))
    ) AS sales GROUP BY 1, 2
)
SELECT 'I1' AS rule, 'entry ' || entry_id AS subject, commodity || ' off by ' || sum(amount) AS detail
  FROM ledger_posting GROUP BY entry_id, commodity HAVING sum(amount) <> 0
UNION ALL
SELECT 'I1', 'entry ' || r.id, 'it does not take entry ' || e.id || ' back whole'
  FROM ledger_entry r JOIN ledger_entry e ON e.id = r.reverses
 WHERE (r.account_id, r.kind, r.venue_at, r.accounts, r.commodities, r.amounts) IS DISTINCT FROM
       (e.account_id, e.kind, e.venue_at, e.accounts, e.commodities,
        (SELECT array_agg(-amount ORDER BY place) FROM unnest(e.amounts) WITH ORDINALITY AS leg (amount, place)))
UNION ALL
SELECT 'I1', 'transfer ' || t.id, 'its two entries do not say the same of ' || t.qty || ' ' || t.symbol
  FROM lot_transfer t
  JOIN ledger_entry gone ON gone.id = t.out_entry_id
  JOIN ledger_entry come ON come.id = t.in_entry_id
 WHERE t.ended_at IS NULL
   AND (gone.kind <> 'transfer_out' OR come.kind <> 'transfer_in'
        OR gone.account_id <> t.from_account_id OR come.account_id <> t.to_account_id
        OR EXISTS (SELECT FROM ledger_entry r WHERE r.reverses IN (gone.id, come.id))
        OR NOT EXISTS (SELECT FROM ledger_posting p WHERE p.entry_id = gone.id AND p.account = 'assets:holding'
                          AND p.commodity = t.symbol AND p.amount = -t.qty)
        OR NOT EXISTS (SELECT FROM ledger_posting p WHERE p.entry_id = come.id AND p.account = 'assets:holding'
                          AND p.commodity = t.symbol AND p.amount = t.qty))
UNION ALL
SELECT 'I2', 'account ' || a.id, 'cash is ' || a.cash || ', the journal says ' || coalesce(p.amount, 0)
  FROM account a LEFT JOIN posted p ON p.account_id = a.id AND p.account = 'assets:cash' AND p.commodity = a.currency
 WHERE a.cash <> coalesce(p.amount, 0)
UNION ALL
SELECT 'I3', 'account ' || h.account_id, h.symbol || ' is ' || h.signed_qty || ', fills say ' || coalesce(f.qty, 0)
       || ', the journal says ' || coalesce(p.amount, 0)
  FROM holding h
  LEFT JOIN held f ON f.account_id = h.account_id AND f.symbol = h.symbol
  LEFT JOIN posted p ON p.account_id = h.account_id AND p.account = 'assets:holding' AND p.commodity = h.symbol
 WHERE h.signed_qty <> coalesce(f.qty, 0) OR h.signed_qty <> coalesce(p.amount, 0)
UNION ALL
SELECT 'I4', 'account ' || id, 'cash ' || cash || ' does not cover reserved ' || reserved
  FROM account WHERE broker = 'paper' AND kind = 'cash' AND cash - reserved < 0
UNION ALL
SELECT 'I4', 'account ' || h.account_id, 'a cash account is short ' || -h.signed_qty || ' ' || h.symbol
  FROM holding h JOIN account a ON a.id = h.account_id AND a.kind = 'cash' AND a.broker <> 'tracked'
 WHERE h.signed_qty < 0
UNION ALL
SELECT 'I4', 'order ' || o.id, 'it closes a position and holds ' || o.reserved
  FROM trade_order o JOIN account a ON a.id = o.account_id AND a.kind = 'margin'
 WHERE NOT o.opens AND o.reserved <> 0
UNION ALL
SELECT 'I5', 'account ' || a.id, 'reserved is ' || a.reserved || ', its orders hold ' || coalesce(o.reserved, 0)
  FROM account a LEFT JOIN open_buys o ON o.account_id = a.id WHERE a.reserved <> coalesce(o.reserved, 0)
UNION ALL
SELECT 'I5', 'account ' || h.account_id, h.symbol || ' set aside ' || h.reserved_qty || ', open sales need '
       || coalesce(o.qty, 0)
  FROM holding h LEFT JOIN open_sells o ON o.account_id = h.account_id AND o.symbol = h.symbol
 WHERE h.reserved_qty <> coalesce(o.qty, 0)
UNION ALL
SELECT 'I5', 'order ' || id, 'ended as ' || status || ' but still holds ' || reserved
  FROM trade_order
 WHERE reserved <> 0
   AND status IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
UNION ALL
SELECT 'I5', 'group ' || group_id, 'its ways out sold ' || -group_left(group_id) || ' more than they may'
  FROM trade_order WHERE group_id IS NOT NULL GROUP BY group_id HAVING group_left(group_id) < 0
UNION ALL
SELECT 'I6', 'order ' || o.id, 'filled ' || o.filled_qty || ', fills and what changed them sum to ' || made.qty
  FROM trade_order o
  LEFT JOIN (SELECT order_id, count(*) AS count, sum(qty) AS qty, sum(qty * price) AS value FROM fill GROUP BY 1) AS f
    ON f.order_id = o.id
  LEFT JOIN (SELECT order_id, sum(filled_more_qty) AS qty FROM action_order GROUP BY 1) AS more ON more.order_id = o.id
  LEFT JOIN (SELECT order_id, sum(qty_change) AS qty, sum(value_change) AS value FROM fill_change GROUP BY 1) AS changed
    ON changed.order_id = o.id
 CROSS JOIN LATERAL (SELECT coalesce(f.qty, 0) + coalesce(more.qty, 0) + coalesce(changed.qty, 0) AS qty,
                            coalesce(f.value, 0) + coalesce(changed.value, 0) AS value) AS made
 WHERE o.filled_qty <> made.qty
    OR abs(o.filled_value - made.value) > 0.0000005 * (coalesce(f.count, 0) + 1)
UNION ALL
SELECT 'I8', 'order ' || o.id, 'sequence ' || o.sequence || ', events ' || count(e.sequence)
  FROM trade_order o LEFT JOIN order_event e ON e.order_id = o.id GROUP BY o.id
HAVING count(e.sequence) <> o.sequence OR coalesce(max(e.sequence), 0) <> o.sequence
"""
