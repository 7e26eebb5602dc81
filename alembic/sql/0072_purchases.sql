CREATE FUNCTION book_plain_purchases(p_batch jsonb, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
-- Books a batch of which every item fills a whole purchase that its account paid for beforehand: judged as one by one,
-- and written at once. False, and nothing is written, when one of them is anything else. Whoever calls holds the orders
-- and knows that each is named once, belongs to an account without margin and to no group.
DECLARE
    v_accounts uuid[];
    v_symbols text[];
    v_qtys numeric[];
    v_cashes numeric[];
    v_releases numeric[];
    v_instants timestamptz[];
BEGIN
    WITH told AS MATERIALIZED (
        SELECT * FROM ROWS FROM (jsonb_to_recordset(p_batch) AS (
            "order" uuid, steps text[], reason text, venue_at timestamptz, execution int, qty numeric, price numeric,
            fees numeric, fill uuid, cash numeric, accounts text[], commodities text[], amounts numeric[],
            description text, preset text, receipt jsonb, revision smallint, whole numeric, end_as text
        )) WITH ORDINALITY AS r (
            order_id, steps, reason, venue_at, execution, qty, price, fees, fill, cash, accounts, commodities, amounts,
            description, preset, receipt, revision, whole, end_as, place
        )
    ), judged AS MATERIALIZED (
        SELECT t.*, o.account_id, o.symbol, o.side, o.sequence, o.reserved
          FROM told t JOIN trade_order o ON o.id = t.order_id
         WHERE t.execution IS NOT NULL AND t.end_as IS NULL AND o.revision = t.revision AND o.side = 'buy'
           AND o.group_id IS NULL AND o.status IN ('pending_submit', 'working', 'partial', 'accepted', 'pending_cancel')
           AND o.filled_qty + t.qty = coalesce(t.whole, o.qty) AND -t.cash <= o.reserved
           AND t.cash = (SELECT sum(leg.amount) FROM unnest(t.accounts, t.amounts) AS leg (account, amount)
                          WHERE leg.account = 'assets:cash')
           AND NOT EXISTS (SELECT FROM fill f WHERE f.id = t.fill)
    ), plain AS MATERIALIZED (
        SELECT * FROM judged WHERE (SELECT count(*) FROM judged) = (SELECT count(*) FROM told)
    ), moved AS (
        UPDATE trade_order o
           SET qty = coalesce(p.whole, o.qty), filled_qty = o.filled_qty + p.qty,
               filled_value = o.filled_value + p.qty * p.price, reserved = o.reserved - p.reserved, status = 'filled',
               updated_at = p_now, sequence = o.sequence + cardinality(p.steps)
          FROM plain p WHERE o.id = p.order_id
    ), stepped AS (
        INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
        SELECT p.order_id, p.sequence + step.n, step.status, CASE WHEN step.status = 'working' THEN p.reason END,
               p.venue_at, p_now
          FROM plain p, unnest(trim_array(p.steps, 1) || 'filled'::text) WITH ORDINALITY AS step (status, n)
    ), written AS (
        INSERT INTO ledger_entry (account_id, kind, description, order_id, fill_id, venue_at, booked_at, accounts,
                                  commodities, amounts)
        SELECT p.account_id, 'fill', p.description, p.order_id, p.fill, p.venue_at, p_now, p.accounts, p.commodities,
               p.amounts FROM plain p ORDER BY p.place
    ), filled AS (
        INSERT INTO fill (id, order_id, execution, account_id, symbol, side, qty, price, fees, realized_pl,
                          executed_at, booked_at, preset, receipt)
        SELECT p.fill, p.order_id, p.execution, p.account_id, p.symbol, p.side, p.qty, p.price, p.fees, 0, p.venue_at,
               p_now, p.preset, p.receipt FROM plain p
    )
    SELECT array_agg(p.account_id), array_agg(p.symbol::text), array_agg(p.qty), array_agg(p.cash),
           array_agg(p.reserved), array_agg(p.venue_at)
      INTO v_accounts, v_symbols, v_qtys, v_cashes, v_releases, v_instants FROM plain p;
    IF v_accounts IS NULL THEN
        RETURN false;
    END IF;
    PERFORM 1 FROM account a WHERE a.id = ANY (v_accounts) ORDER BY a.id FOR NO KEY UPDATE;
    PERFORM book_purchases(v_accounts, v_symbols, v_qtys, v_cashes, v_instants);
    UPDATE account a SET cash = a.cash + moved.cash, reserved = a.reserved - moved.release
      FROM (SELECT m.account_id, sum(m.cash) AS cash, sum(m.release) AS release
              FROM unnest(v_accounts, v_cashes, v_releases) AS m (account_id, cash, release) GROUP BY 1) AS moved
     WHERE a.id = moved.account_id;
    RETURN true;
END $$;
