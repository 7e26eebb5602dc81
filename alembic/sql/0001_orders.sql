-- Takes orders, each one on its own, in one round trip: idempotency, ownership, risk under the account's row lock,
-- reservation, order, first event and outbox. The caller computed the reservation and any refusal in words; this
-- function decides only what needs the lock. Per order it says how it went: taken, refused (stored as risk_rejected,
-- with the reason), repeated (same key, same request), other_body (same key, other request) or no_account.
CREATE FUNCTION submit_orders(p_batch jsonb, p_now timestamptz)
RETURNS TABLE (order_id uuid, outcome text, reason text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i record;
    v_account account;
    v_free numeric;
    v_reason text;
    v_cash numeric;
    v_hash bytea;
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
        limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
        request_hash text, risk jsonb, refusal text, venue_at timestamptz
    ) LOOP
        order_id := i.id;
        v_reason := i.refusal;
        v_cash := CASE WHEN i.side = 'buy' THEN i.reserve ELSE 0 END;
        UPDATE account SET reserved = reserved + v_cash
         WHERE id = i.account_id AND user_id = i.user_id AND venue = i.venue AND closed_at IS NULL
           AND frozen_reason IS NULL AND cash - reserved >= v_cash AND v_reason IS NULL;
        IF NOT FOUND THEN
            SELECT * INTO v_account FROM account WHERE id = i.account_id AND user_id = i.user_id FOR UPDATE;
            IF NOT FOUND THEN
                outcome := 'no_account';
                reason := NULL;
                RETURN NEXT;
                CONTINUE;
            END IF;
            v_reason := CASE
                WHEN v_reason IS NOT NULL THEN v_reason
                WHEN v_account.closed_at IS NOT NULL THEN 'This account is closed and can only be read.'
                WHEN v_account.frozen_reason IS NOT NULL THEN 'This account is frozen: ' || v_account.frozen_reason
                WHEN v_account.venue <> i.venue THEN 'This account belongs to another market.'
                ELSE format('Buying power is %s %s and this order needs %s %s.',
                            to_char(v_account.cash - v_account.reserved, 'FM999,999,999,990.00'), v_account.currency,
                            to_char(v_cash, 'FM999,999,999,990.00'), v_account.currency)
            END;
            v_cash := 0;
        END IF;

        -- The account row is locked from here on, so a second request with the same key waits for the first.
        IF v_reason IS NULL AND i.side = 'sell' THEN
            UPDATE holding SET reserved_qty = reserved_qty + i.qty
             WHERE account_id = i.account_id AND symbol = i.symbol AND signed_qty - reserved_qty >= i.qty
               AND NOT EXISTS (SELECT 1 FROM trade_order WHERE id = i.id);
            IF NOT FOUND AND NOT EXISTS (SELECT 1 FROM trade_order WHERE id = i.id) THEN
                SELECT coalesce(max(signed_qty - reserved_qty), 0) INTO v_free
                  FROM holding WHERE account_id = i.account_id AND symbol = i.symbol;
                v_reason := format('You can sell %s %s at most: short selling is not offered on this account.',
                                   trim_scale(greatest(v_free, 0)), i.symbol);
            END IF;
        END IF;

        INSERT INTO trade_order (
            id, account_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on, status, sequence,
            filled_qty, filled_value, reserved, reserve_per_share, reject_reason, request_hash, risk,
            submitted_venue_at, created_at, updated_at
        ) VALUES (
            i.id, i.account_id, i.venue, i.symbol, i.side, i.type, i.qty, i.limit_price, i.time_in_force, i.session_on,
            CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END, 1, 0, 0, v_cash,
            CASE WHEN i.side = 'buy' THEN i.reserve_per_share ELSE 0 END, v_reason, decode(i.request_hash, 'hex'),
            i.risk, i.venue_at, p_now, p_now
        ) ON CONFLICT (id) DO NOTHING;
        IF NOT FOUND THEN
            IF v_cash > 0 THEN
                UPDATE account SET reserved = reserved - v_cash WHERE id = i.account_id;
            END IF;
            SELECT request_hash, reject_reason INTO v_hash, reason FROM trade_order WHERE id = i.id;
            outcome := CASE WHEN v_hash = decode(i.request_hash, 'hex') THEN 'repeated' ELSE 'other_body' END;
            RETURN NEXT;
            CONTINUE;
        END IF;
        INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
        VALUES (i.id, 1, CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END, v_reason,
                i.venue_at, p_now);
        IF v_reason IS NULL THEN
            INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('submit', i.id, i.venue, p_now);
        END IF;
        outcome := CASE WHEN v_reason IS NULL THEN 'taken' ELSE 'refused' END;
        reason := v_reason;
        RETURN NEXT;
    END LOOP;
END $$;

-- Gives back what an order still holds, when it ends.
CREATE FUNCTION release_reservation(p_order trade_order) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_order.side = 'buy' AND p_order.reserved > 0 THEN
        UPDATE account SET reserved = reserved - p_order.reserved WHERE id = p_order.account_id;
    ELSIF p_order.side = 'sell' AND p_order.qty > p_order.filled_qty THEN
        UPDATE holding SET reserved_qty = reserved_qty - (p_order.qty - p_order.filled_qty)
         WHERE account_id = p_order.account_id AND symbol = p_order.symbol;
    END IF;
END $$;

-- Moves an order without a fill: accepted into the book, canceled, expired, rejected. False when the move is not
-- possible any more (the order ended meanwhile); nothing is changed then. `p_steps` are the states passed through.
CREATE FUNCTION move_order(
    p_order uuid, p_steps text[], p_from text[], p_reason text, p_venue_at timestamptz, p_now timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
    v_last text := p_steps[array_upper(p_steps, 1)];
BEGIN
    SELECT * INTO v_order FROM trade_order WHERE id = p_order FOR UPDATE;
    IF NOT FOUND OR NOT (v_order.status = ANY (p_from)) THEN
        RETURN false;
    END IF;
    INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
    SELECT p_order, v_order.sequence + step.n, step.status, p_reason, p_venue_at, p_now
      FROM unnest(p_steps) WITH ORDINALITY AS step (status, n);
    IF v_last IN ('canceled', 'expired', 'rejected', 'not_sent') THEN
        PERFORM release_reservation(v_order);
    END IF;
    UPDATE trade_order
       SET status = v_last, sequence = v_order.sequence + array_length(p_steps, 1), updated_at = p_now,
           reserved = CASE WHEN v_last IN ('canceled', 'expired', 'rejected', 'not_sent') THEN 0 ELSE reserved END,
           reject_reason = CASE WHEN v_last IN ('rejected', 'not_sent') THEN p_reason ELSE reject_reason END
     WHERE id = p_order;
    RETURN true;
END $$;

-- Asks for a cancel: the state becomes PENDING_CANCEL and the worker is told. The order as stored, or no row when it
-- is not the caller's.
CREATE FUNCTION request_cancel(p_order uuid, p_user uuid, p_venue_at timestamptz, p_now timestamptz)
RETURNS TABLE (outcome text, stored trade_order) LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
BEGIN
    SELECT o.* INTO v_order FROM trade_order o JOIN account a ON a.id = o.account_id
     WHERE o.id = p_order AND a.user_id = p_user FOR UPDATE OF o;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v_order.status = 'pending_submit' THEN
        -- Not handed to any broker yet: it ends here, and the worker finds nothing to send.
        PERFORM move_order(p_order, ARRAY['not_sent'], ARRAY['pending_submit'], 'Canceled before it was sent.',
                           p_venue_at, p_now);
        DELETE FROM outbox WHERE order_id = p_order;
    ELSIF v_order.status IN ('accepted', 'working', 'partial') THEN
        PERFORM move_order(p_order, ARRAY['pending_cancel'], ARRAY[v_order.status], NULL, p_venue_at, p_now);
        UPDATE trade_order SET cancel_requested_at = p_now WHERE id = p_order;
        INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('cancel', p_order, v_order.venue, p_now);
    ELSIF v_order.status NOT IN ('pending_cancel') THEN
        RETURN QUERY SELECT 'too_late'::text, v_order;
        RETURN;
    END IF;
    SELECT * INTO v_order FROM trade_order WHERE id = p_order;
    RETURN QUERY SELECT 'asked'::text, v_order;
END $$;

-- Books executions in one round trip; each item is the news of one order, and a batch names an order once:
--   {"order", "outbox", "steps": [...], "from": [...], "venue_at", "reason"} and, for a fill, {"execution", "qty",
--   "price", "fees", "preset", "fill", "receipt", "description", "cash", "accounts", "commodities", "amounts"}.
-- Cash and holding move by exactly what the legs say. An item whose order cannot take it any more is skipped and
-- reported, so running a batch twice books nothing twice. Locks are taken order, then account, then holding; sorted by
-- account, an account is written once however many of its orders filled.
CREATE FUNCTION book_executions(p_batch jsonb, p_now timestamptz)
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
