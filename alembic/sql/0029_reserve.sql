-- Changes a resting order in its place, as FIX has it: the request and its answer are two events, a quantity at or below
-- what has filled ends the order as filled. Under the locks of order and account, so a fill comes before or after, and
-- `revision` keeps whoever still knows the former terms from booking by them. The caller computed `per_share`, what one
-- share may cost, and `reserve`, what the rest may cost with its commission. One row: replaced, refused (with the
-- reason), changed (by somebody else meanwhile), ended or early (with the state); none when it is not the caller's.
CREATE OR REPLACE FUNCTION replace_order(p_order uuid, p_user uuid, p_terms jsonb, p_venue_at timestamptz, p_now timestamptz)
RETURNS TABLE (outcome text, reason text) LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
    v_account account;
    v_qty numeric;
    v_reserved numeric := 0;
    v_free numeric;
    v_status text;
    v_words text;
BEGIN
    SELECT o.* INTO v_order FROM trade_order o JOIN account a ON a.id = o.account_id
     WHERE o.id = p_order AND (a.user_id = p_user OR may_trade(a.id, p_user)) FOR UPDATE OF o;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v_order.status NOT IN ('accepted', 'working', 'partial') THEN
        RETURN QUERY SELECT CASE WHEN v_order.status IN ('pending_submit', 'submitting', 'unknown', 'pending_cancel')
                                 THEN 'early' ELSE 'ended' END, v_order.status::text;
        RETURN;
    END IF;
    IF v_order.revision <> (p_terms->>'revision')::smallint THEN
        RETURN QUERY SELECT 'changed'::text, NULL::text;
        RETURN;
    END IF;
    SELECT * INTO v_account FROM account WHERE id = v_order.account_id FOR NO KEY UPDATE;
    IF v_account.closed_at IS NOT NULL OR v_account.frozen_reason IS NOT NULL THEN
        RETURN QUERY SELECT 'refused'::text, coalesce('This account is frozen: ' || v_account.frozen_reason,
                                                      'This account is closed and can only be read.');
        RETURN;
    END IF;
    v_qty := greatest((p_terms->>'qty')::numeric, v_order.filled_qty);
    IF v_account.guarded AND (v_qty > v_order.qty OR v_order.side = 'buy'
                              AND (p_terms->>'per_share')::numeric > v_order.reserve_per_share) THEN
        -- An order that grows is a new one for the account's switches, and its rules are asked of new orders only.
        v_words := stop_words(v_account.id, v_order.symbol, v_order.side, v_qty - v_order.filled_qty, v_order.id);
        IF v_words IS NULL AND EXISTS (SELECT FROM rules_in_force(v_account.id, v_account.user_id)) THEN
            v_words := 'With rules of your own an order cannot grow in its place: cancel it and send a new one.';
        END IF;
        IF v_words IS NOT NULL THEN
            RETURN QUERY SELECT 'refused'::text, v_words;
            RETURN;
        END IF;
    END IF;
    v_status := CASE WHEN v_qty = v_order.filled_qty THEN 'filled' WHEN v_order.filled_qty > 0 THEN 'partial'
                     ELSE 'working' END;
    IF v_order.side = 'buy' THEN
        IF v_status <> 'filled' THEN
            v_reserved := (p_terms->>'reserve')::numeric;
        END IF;
        IF v_reserved - v_order.reserved > v_account.cash - v_account.reserved THEN
            RETURN QUERY SELECT 'refused'::text, format(
                'Buying power is %s %s and the change needs %s %s more.',
                to_char(v_account.cash - v_account.reserved, 'FM999,999,999,990.00'), v_account.currency,
                to_char(v_reserved - v_order.reserved, 'FM999,999,999,990.00'), v_account.currency);
            RETURN;
        END IF;
        UPDATE account SET reserved = reserved + v_reserved - v_order.reserved WHERE id = v_account.id;
    ELSE
        UPDATE holding SET reserved_qty = reserved_qty + v_qty - v_order.qty
         WHERE account_id = v_account.id AND symbol = v_order.symbol
           AND (v_qty <= v_order.qty OR signed_qty - reserved_qty >= v_qty - v_order.qty);
        IF NOT FOUND THEN
            SELECT coalesce(max(signed_qty - reserved_qty), 0) INTO v_free FROM holding
             WHERE account_id = v_account.id AND symbol = v_order.symbol;
            RETURN QUERY SELECT 'refused'::text, format(
                'You can sell %s %s at most: short selling is not offered on this account.',
                trim_scale(v_free + v_order.qty - v_order.filled_qty), v_order.symbol);
            RETURN;
        END IF;
    END IF;
    UPDATE trade_order
       SET qty = v_qty, limit_price = (p_terms->>'limit_price')::numeric,
           stop_price = (p_terms->>'stop_price')::numeric, trail_amount = (p_terms->>'trail_amount')::numeric,
           trail_percent = (p_terms->>'trail_percent')::numeric, reserved = v_reserved,
           reserve_per_share = (p_terms->>'per_share')::numeric, revision = revision + 1, status = v_status,
           sequence = sequence + 2, updated_at = p_now
     WHERE id = p_order;
    INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
    VALUES (p_order, v_order.sequence + 1, 'pending_replace', p_terms->>'words', p_venue_at, p_now),
           (p_order, v_order.sequence + 2, v_status, 'Changed.', p_venue_at, p_now);
    INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('replace', p_order, v_order.venue, p_now);
    RETURN QUERY SELECT 'replaced'::text, NULL::text;
END $$;

-- Books executions in one round trip; each item is the news of one order, and a batch names an order once:
--   {"order", "outbox", "steps": [...], "from": [...], "venue_at", "reason"} and, for a fill, {"execution", "revision",
--   "qty", "price", "fees", "preset", "fill", "receipt", "description", "cash", "accounts", "commodities", "amounts"} and
--   perhaps {"keep": the most that the rest of a purchase can still cost, "whole": the quantity of an order by amount, as
--   this price has it, "end_as", "end_why": how the rest ends}.
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
    v_whole numeric;
    v_release numeric;
    v_filled boolean;
    v_ends boolean;
    v_steps text[];
    v_realized numeric;
    v_basis numeric;
    v_back numeric;
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
    SELECT array_agg(DISTINCT o.account_id), v_early OR coalesce(bool_or(o.side = 'sell' OR o.group_id IS NOT NULL), false)
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
            amounts numeric[], description text, preset text, receipt jsonb, revision smallint, whole numeric,
            end_as text, end_why text, keep numeric
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
        v_whole := coalesce(i.whole, v_order.qty);
        v_filled := v_order.filled_qty + i.qty = v_whole;
        v_ends := v_filled OR i.end_as IS NOT NULL;
        IF v_order.id IS NULL
           OR v_order.status NOT IN ('pending_submit', 'working', 'partial', 'accepted', 'pending_cancel')
           OR v_order.filled_qty + i.qty > v_whole
           OR (v_order.side = 'sell' AND v_whole > v_order.qty)
           OR v_order.revision <> i.revision
           OR EXISTS (SELECT 1 FROM fill f WHERE f.id = i.fill)
           OR (v_order.role IN ('target', 'stop') AND group_left(v_order.group_id) < i.qty) THEN
            booked := false;
            status := v_order.status;
            RETURN NEXT;
            CONTINUE;
        END IF;
        v_release := CASE WHEN v_order.side = 'sell' THEN 0 WHEN v_ends THEN v_order.reserved
                          WHEN v_order.notional IS NOT NULL THEN least(v_order.reserved, -i.cash)
                          ELSE v_order.reserved - greatest(least(v_order.reserved + i.cash, i.keep), 0) END;
        status := CASE WHEN v_filled THEN 'filled' WHEN v_order.status = 'pending_cancel' THEN 'pending_cancel'
                       ELSE 'partial' END;
        IF v_order.side = 'buy' AND -i.cash > v_release THEN
            RAISE EXCEPTION 'order % would spend % but only % is reserved', i."order", -i.cash, v_release;
        END IF;
        IF i.cash <> i.cash_legs OR i.cash_legs IS NULL THEN
            RAISE EXCEPTION 'order %: cash moves by % but the legs say otherwise', i."order", i.cash;
        END IF;
        v_steps := trim_array(i.steps, 1) || status;
        IF v_ends AND NOT v_filled THEN
            status := i.end_as;
            v_steps := v_steps || status;
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
            IF v_order.role = 'entry' AND group_sells(v_order.group_id, v_order.id) THEN
                -- What an entry buys is set aside for its ways out in the same breath: nobody sells it in between.
                UPDATE holding h SET reserved_qty = h.reserved_qty + i.qty
                 WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol;
            END IF;
        ELSE
            SELECT * INTO STRICT v_held FROM holding h
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol FOR UPDATE;
            v_basis := CASE WHEN v_held.signed_qty = i.qty THEN v_held.cost_basis
                            ELSE round(v_held.cost_basis * i.qty / v_held.signed_qty, 6) END;
            v_realized := i.cash - v_basis;
            v_back := CASE WHEN v_order.role IN ('target', 'stop') AND v_ends
                                AND NOT group_sells(v_order.group_id, v_order.id)
                           THEN group_left(v_order.group_id) - i.qty ELSE 0 END;
            UPDATE holding h
               SET signed_qty = h.signed_qty - i.qty, cost_basis = h.cost_basis - v_basis,
                   realized_pl = h.realized_pl + v_realized,
                   reserved_qty = h.reserved_qty - CASE
                       WHEN v_order.role IN ('target', 'stop') THEN i.qty + v_back
                       WHEN v_ends THEN v_order.qty - v_order.filled_qty
                       ELSE v_order.qty - v_whole + i.qty END,
                   updated_at = i.venue_at
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol;
        END IF;
        UPDATE trade_order o
           SET qty = v_whole, filled_qty = o.filled_qty + i.qty, filled_value = o.filled_value + i.qty * i.price,
               reserved = o.reserved - v_release, status = book_executions.status, updated_at = p_now,
               sequence = v_order.sequence + cardinality(v_steps)
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
        SELECT i."order", v_order.sequence + step.n, step.status,
               CASE WHEN step.status = 'working' THEN i.reason
                    WHEN step.n = cardinality(v_steps) AND NOT v_filled THEN i.end_why END,
               i.venue_at, p_now
          FROM unnest(v_steps) WITH ORDINALITY AS step (status, n);
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
