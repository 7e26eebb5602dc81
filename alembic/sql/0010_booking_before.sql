-- Books executions in one round trip; each item is the news of one order, and a batch names an order once:
--   {"order", "outbox", "steps": [...], "from": [...], "venue_at", "reason"} and, for a fill, {"execution", "qty",
--   "price", "fees", "preset", "fill", "receipt", "description", "cash", "accounts", "commodities", "amounts"}.
-- Cash and holding move by exactly what the legs say. An item whose order cannot take it any more is skipped and
-- reported, so running a batch twice books nothing twice. Locks are taken order, then account, then holding; sorted by
-- account, an account is written once however many of its orders filled.
CREATE OR REPLACE FUNCTION book_executions(p_batch jsonb, p_now timestamptz)
RETURNS TABLE (order_id uuid, booked boolean, status text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i record;
    v_id uuid;
    v_order trade_order;
    v_release numeric;
    v_ends boolean;
    v_realized numeric;
    v_basis numeric;
    v_held holding;
    v_account uuid;
    v_cash_sum numeric := 0;
    v_release_sum numeric := 0;
    v_fills uuid[] := '{}';
    v_accounts uuid[] := '{}';
    v_symbols text[] := '{}';
    v_sides text[] := '{}';
    v_realizeds numeric[] := '{}';
    v_sequences int[] := '{}';
    v_statuses text[] := '{}';
BEGIN
    -- Every order first: a cancel holds its order while it waits for the account, and must not wait for one of ours.
    FOR v_id IN SELECT (e->>'order')::uuid AS id FROM jsonb_array_elements(p_batch) e ORDER BY id LOOP
        PERFORM 1 FROM trade_order o WHERE o.id = v_id FOR UPDATE;
    END LOOP;
    DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT (e->>'outbox')::bigint FROM jsonb_array_elements(p_batch) e));
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        "order" uuid, steps text[], "from" text[], reason text, venue_at timestamptz, execution int, qty numeric,
        price numeric, fill uuid, cash numeric, accounts text[], amounts numeric[]
    ) LOOP
        order_id := i."order";
        IF i.execution IS NULL THEN
            booked := move_order(i."order", i.steps, i."from", i.reason, i.venue_at, p_now);
            SELECT o.status INTO status FROM trade_order o WHERE o.id = i."order";
            RETURN NEXT;
            CONTINUE;
        END IF;

        SELECT * INTO v_order FROM trade_order o WHERE o.id = i."order";
        v_ends := v_order.filled_qty + i.qty = v_order.qty;
        IF NOT FOUND OR v_order.status NOT IN ('pending_submit', 'working', 'partial', 'accepted', 'pending_cancel')
           OR v_order.filled_qty + i.qty > v_order.qty
           OR EXISTS (SELECT 1 FROM fill f WHERE f.id = i.fill) THEN
            booked := false;
            status := v_order.status;
            RETURN NEXT;
            CONTINUE;
        END IF;
        v_release := CASE WHEN v_order.side = 'sell' THEN 0 WHEN v_ends THEN v_order.reserved
                          ELSE least(v_order.reserved, v_order.reserve_per_share * i.qty) END;
        status := CASE WHEN v_ends THEN 'filled' WHEN v_order.status = 'pending_cancel' THEN 'pending_cancel'
                       ELSE 'partial' END;
        IF v_order.side = 'buy' AND -i.cash > v_release THEN
            RAISE EXCEPTION 'order % would spend % but only % is reserved', i."order", -i.cash, v_release;
        END IF;
        IF i.cash <> (SELECT sum(leg.amount) FROM unnest(i.accounts, i.amounts) AS leg (account, amount)
                       WHERE leg.account = 'assets:cash') THEN
            RAISE EXCEPTION 'order %: cash moves by % but the legs say otherwise', i."order", i.cash;
        END IF;

        IF v_account IS DISTINCT FROM v_order.account_id THEN
            IF v_account IS NOT NULL THEN
                UPDATE account a SET cash = a.cash + v_cash_sum, reserved = a.reserved - v_release_sum
                 WHERE a.id = v_account;
            END IF;
            v_account := v_order.account_id;
            v_cash_sum := 0;
            v_release_sum := 0;
            PERFORM 1 FROM account a WHERE a.id = v_account FOR NO KEY UPDATE;
        END IF;
        v_cash_sum := v_cash_sum + i.cash;
        v_release_sum := v_release_sum + v_release;

        IF v_order.side = 'buy' THEN
            v_realized := 0;
            INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty,
                                      opened_at, updated_at)
            VALUES (v_account, v_order.symbol, i.qty, -i.cash, 0, 0, i.venue_at, i.venue_at)
            ON CONFLICT ON CONSTRAINT holding_pkey DO UPDATE
               SET signed_qty = h.signed_qty + excluded.signed_qty, cost_basis = h.cost_basis + excluded.cost_basis,
                   opened_at = CASE WHEN h.signed_qty = 0 THEN excluded.opened_at ELSE h.opened_at END,
                   updated_at = excluded.updated_at;
        ELSE
            SELECT * INTO STRICT v_held FROM holding h
             WHERE h.account_id = v_account AND h.symbol = v_order.symbol FOR UPDATE;
            v_basis := CASE WHEN v_held.signed_qty = i.qty THEN v_held.cost_basis
                            ELSE round(v_held.cost_basis * i.qty / v_held.signed_qty, 6) END;
            v_realized := i.cash - v_basis;
            UPDATE holding h
               SET signed_qty = h.signed_qty - i.qty, cost_basis = h.cost_basis - v_basis,
                   realized_pl = h.realized_pl + v_realized, reserved_qty = h.reserved_qty - i.qty,
                   updated_at = i.venue_at
             WHERE h.account_id = v_account AND h.symbol = v_order.symbol;
        END IF;
        UPDATE trade_order o
           SET filled_qty = o.filled_qty + i.qty, filled_value = o.filled_value + i.qty * i.price,
               reserved = o.reserved - v_release, status = book_executions.status, updated_at = p_now,
               sequence = v_order.sequence + array_length(i.steps, 1)
         WHERE o.id = i."order";
        v_fills := v_fills || i.fill;
        v_accounts := v_accounts || v_account;
        v_symbols := v_symbols || v_order.symbol;
        v_sides := v_sides || v_order.side;
        v_realizeds := v_realizeds || v_realized;
        v_sequences := v_sequences || v_order.sequence::int;
        v_statuses := v_statuses || status;
        booked := true;
        RETURN NEXT;
    END LOOP;
    IF v_account IS NULL THEN
        RETURN;
    END IF;

    UPDATE account a SET cash = a.cash + v_cash_sum, reserved = a.reserved - v_release_sum WHERE a.id = v_account;
    INSERT INTO ledger_entry (account_id, kind, description, order_id, fill_id, venue_at, booked_at, accounts,
                              commodities, amounts)
    SELECT ok.account_id, 'fill', r.description, r."order", r.fill, r.venue_at, p_now, r.accounts, r.commodities,
           r.amounts
      FROM jsonb_to_recordset(p_batch) AS r (
               "order" uuid, fill uuid, description text, venue_at timestamptz, accounts text[], commodities text[],
               amounts numeric[])
      JOIN unnest(v_fills, v_accounts) AS ok (fill, account_id) ON ok.fill = r.fill;
    INSERT INTO fill (id, order_id, execution, account_id, symbol, side, qty, price, fees, realized_pl,
                      executed_at, booked_at, preset, receipt)
    SELECT r.fill, r."order", r.execution, ok.account_id, ok.symbol, ok.side, r.qty, r.price, r.fees, ok.realized,
           r.venue_at, p_now, r.preset, r.receipt
      FROM jsonb_to_recordset(p_batch) AS r (
               "order" uuid, fill uuid, execution int, qty numeric, price numeric, fees numeric,
               venue_at timestamptz, preset text, receipt jsonb)
      JOIN unnest(v_fills, v_accounts, v_symbols, v_sides, v_realizeds) AS ok (fill, account_id, symbol, side, realized)
        ON ok.fill = r.fill;
    INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
    SELECT r."order", ok.sequence + step.n,
           CASE WHEN step.n = array_length(r.steps, 1) THEN ok.status ELSE step.status END, NULL, r.venue_at, p_now
      FROM jsonb_to_recordset(p_batch) AS r ("order" uuid, fill uuid, steps text[], venue_at timestamptz)
      JOIN unnest(v_fills, v_sequences, v_statuses) AS ok (fill, sequence, status) ON ok.fill = r.fill,
           unnest(r.steps) WITH ORDINALITY AS step (status, n);
END $$;

DROP FUNCTION book_purchases;
