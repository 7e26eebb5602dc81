-- Adds purchases to the holdings, each holding written once; `p_cashes` are negative, what they cost.
CREATE FUNCTION book_purchases(
    p_accounts uuid[], p_symbols text[], p_qtys numeric[], p_cashes numeric[], p_instants timestamptz[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
    SELECT m.account_id, m.symbol, sum(m.qty), -sum(m.cash), 0, 0, min(m.at), max(m.at)
      FROM unnest(p_accounts, p_symbols, p_qtys, p_cashes, p_instants) AS m (account_id, symbol, qty, cash, at)
     GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT ON CONSTRAINT holding_pkey DO UPDATE
       SET signed_qty = h.signed_qty + excluded.signed_qty, cost_basis = h.cost_basis + excluded.cost_basis,
           opened_at = CASE WHEN h.signed_qty = 0 THEN excluded.opened_at ELSE h.opened_at END,
           updated_at = excluded.updated_at;
$$;

-- Books executions in one round trip; each item is the news of one order, and a batch names an order once:
--   {"order", "outbox", "steps": [...], "from": [...], "venue_at", "reason"} and, for a fill, {"execution", "qty",
--   "price", "fees", "preset", "fill", "receipt", "description", "cash", "accounts", "commodities", "amounts"}.
-- Cash and holding move by exactly what the legs say. An item whose order cannot take it any more is skipped and
-- reported, so running a batch twice books nothing twice. Locks are taken order, then account, then holding, each kind
-- sorted. An account is written once however many of its orders filled, and as late as possible, since whoever submits
-- an order waits for it: only a sale or an end gives back to its account or holding at once.
CREATE OR REPLACE FUNCTION book_executions(p_batch jsonb, p_now timestamptz)
RETURNS TABLE (order_id uuid, booked boolean, status text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i record;
    v_order trade_order;
    v_release numeric;
    v_ends boolean;
    v_realized numeric;
    v_basis numeric;
    v_held holding;
    v_ids uuid[];
    v_outbox bigint[];
    v_early boolean;
    v_all_accounts uuid[];
    v_accounts uuid[] := '{}';
    v_symbols text[] := '{}';
    v_qtys numeric[] := '{}';
    v_cashes numeric[] := '{}';
    v_releases numeric[] := '{}';
    v_instants timestamptz[] := '{}';
BEGIN
    SELECT array_agg((e->>'order')::uuid), array_agg((e->>'outbox')::bigint),
           bool_or(e->'steps'->>-1 IN ('canceled', 'expired', 'rejected', 'not_sent'))
      INTO v_ids, v_outbox, v_early
      FROM jsonb_array_elements(p_batch) e;
    -- Every order first: a cancel holds its order while it waits for the account, and must not wait for one of ours.
    PERFORM 1 FROM trade_order o WHERE o.id = ANY (v_ids) ORDER BY o.id FOR UPDATE;
    DELETE FROM outbox WHERE id = ANY (v_outbox);
    SELECT array_agg(DISTINCT o.account_id), v_early OR coalesce(bool_or(o.side = 'sell'), false)
      INTO v_all_accounts, v_early
      FROM trade_order o WHERE o.id = ANY (v_ids);
    IF v_early THEN
        PERFORM 1 FROM account a WHERE a.id = ANY (v_all_accounts) ORDER BY a.id FOR NO KEY UPDATE;
    END IF;
    FOR i IN
        SELECT r.*, (SELECT o FROM trade_order o WHERE o.id = r."order") AS found,
               (SELECT sum(leg.amount) FROM unnest(r.accounts, r.amounts) AS leg (account, amount)
                 WHERE leg.account = 'assets:cash') AS cash_legs
          FROM jsonb_to_recordset(p_batch) AS r (
            "order" uuid, steps text[], "from" text[], reason text, venue_at timestamptz, execution int, qty numeric,
            price numeric, fees numeric, fill uuid, cash numeric, accounts text[], commodities text[],
            amounts numeric[], description text, preset text, receipt jsonb
        )
    LOOP
        order_id := i."order";
        IF i.execution IS NULL THEN
            booked := move_order(i."order", i.steps, i."from", i.reason, i.venue_at, p_now);
            SELECT o.status INTO status FROM trade_order o WHERE o.id = i."order";
            RETURN NEXT;
            CONTINUE;
        END IF;

        v_order := i.found;
        v_ends := v_order.filled_qty + i.qty = v_order.qty;
        IF v_order.id IS NULL
           OR v_order.status NOT IN ('pending_submit', 'working', 'partial', 'accepted', 'pending_cancel')
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
        IF i.cash <> i.cash_legs OR i.cash_legs IS NULL THEN
            RAISE EXCEPTION 'order %: cash moves by % but the legs say otherwise', i."order", i.cash;
        END IF;

        v_accounts := v_accounts || v_order.account_id;
        v_symbols := v_symbols || v_order.symbol::text;
        v_qtys := v_qtys || i.qty;
        v_cashes := v_cashes || i.cash;
        v_releases := v_releases || v_release;
        v_instants := v_instants || i.venue_at;
        IF v_order.side = 'buy' THEN
            v_realized := 0;
            IF v_early THEN
                PERFORM book_purchases(ARRAY[v_order.account_id], ARRAY[v_order.symbol::text], ARRAY[i.qty],
                                       ARRAY[i.cash], ARRAY[i.venue_at]);
            END IF;
        ELSE
            SELECT * INTO STRICT v_held FROM holding h
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol FOR UPDATE;
            v_basis := CASE WHEN v_held.signed_qty = i.qty THEN v_held.cost_basis
                            ELSE round(v_held.cost_basis * i.qty / v_held.signed_qty, 6) END;
            v_realized := i.cash - v_basis;
            UPDATE holding h
               SET signed_qty = h.signed_qty - i.qty, cost_basis = h.cost_basis - v_basis,
                   realized_pl = h.realized_pl + v_realized, reserved_qty = h.reserved_qty - i.qty,
                   updated_at = i.venue_at
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol;
        END IF;
        UPDATE trade_order o
           SET filled_qty = o.filled_qty + i.qty, filled_value = o.filled_value + i.qty * i.price,
               reserved = o.reserved - v_release, status = book_executions.status, updated_at = p_now,
               sequence = v_order.sequence + array_length(i.steps, 1)
         WHERE o.id = i."order";
        INSERT INTO ledger_entry (account_id, kind, description, order_id, fill_id, venue_at, booked_at, accounts,
                                  commodities, amounts)
        VALUES (v_order.account_id, 'fill', i.description, i."order", i.fill, i.venue_at, p_now, i.accounts, i.commodities,
                i.amounts);
        INSERT INTO fill (id, order_id, execution, account_id, symbol, side, qty, price, fees, realized_pl,
                          executed_at, booked_at, preset, receipt)
        VALUES (i.fill, i."order", i.execution, v_order.account_id, v_order.symbol, v_order.side, i.qty, i.price, i.fees,
                v_realized, i.venue_at, p_now, i.preset, i.receipt);
        INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
        SELECT i."order", v_order.sequence + step.n,
               CASE WHEN step.n = array_length(i.steps, 1) THEN book_executions.status ELSE step.status END, NULL,
               i.venue_at, p_now
          FROM unnest(i.steps) WITH ORDINALITY AS step (status, n);
        booked := true;
        RETURN NEXT;
    END LOOP;
    IF cardinality(v_accounts) = 0 THEN
        RETURN;
    END IF;

    IF NOT v_early THEN
        PERFORM 1 FROM account a WHERE a.id = ANY (v_accounts) ORDER BY a.id FOR NO KEY UPDATE;
        PERFORM book_purchases(v_accounts, v_symbols, v_qtys, v_cashes, v_instants);
    END IF;
    UPDATE account a SET cash = a.cash + moved.cash, reserved = a.reserved - moved.release
      FROM (SELECT m.account_id, sum(m.cash) AS cash, sum(m.release) AS release
              FROM unnest(v_accounts, v_cashes, v_releases) AS m (account_id, cash, release) GROUP BY 1) AS moved
     WHERE a.id = moved.account_id;
END $$;
