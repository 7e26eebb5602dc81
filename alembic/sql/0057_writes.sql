CREATE OR REPLACE FUNCTION guard_live_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A condition of the trigger itself would be read anew by every statement: with so many columns that costs more
    -- than all else an update does.
    IF NOT (
        NEW.status IS DISTINCT FROM OLD.status AND (NEW.status = 'submitting' OR OLD.status = 'risk_rejected')
        OR (NEW.id, NEW.account_id, NEW.symbol, NEW.side, NEW.type, NEW.qty, NEW.notional, NEW.limit_price,
            NEW.stop_price, NEW.trail_amount, NEW.trail_percent, NEW.time_in_force, NEW.expires_on, NEW.extended_hours,
            NEW.allow_short,
            NEW.group_id, NEW.role, NEW.cond_symbol, NEW.cond_relation, NEW.cond_price)
           IS DISTINCT FROM
           (OLD.id, OLD.account_id, OLD.symbol, OLD.side, OLD.type, OLD.qty, OLD.notional, OLD.limit_price,
            OLD.stop_price, OLD.trail_amount, OLD.trail_percent, OLD.time_in_force, OLD.expires_on, OLD.extended_hours,
            OLD.allow_short,
            OLD.group_id, OLD.role, OLD.cond_symbol, OLD.cond_relation, OLD.cond_price)
    ) THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM account WHERE id IN (NEW.account_id, OLD.account_id) AND mode = 'live') THEN
        RETURN NEW;
    END IF;
    IF order_terms(NEW) <> order_terms(OLD) OR NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'An order of real money is changed by canceling it and sending another.' USING ERRCODE = 'SM001';
    END IF;
    IF OLD.status = 'risk_rejected' AND NEW.status <> 'risk_rejected' THEN
        RAISE EXCEPTION 'A refused order of real money stays refused.' USING ERRCODE = 'SM001';
    END IF;
    IF NEW.status = 'submitting' AND OLD.status <> 'submitting' AND live_words(OLD.id) IS NOT NULL THEN
        RAISE EXCEPTION '%', live_words(OLD.id) USING ERRCODE = 'SM001';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER trade_order_live_guarded BEFORE UPDATE ON trade_order
   FOR EACH ROW EXECUTE FUNCTION guard_live_order();

CREATE FUNCTION take_plain_orders(p_batch jsonb, p_now timestamptz) RETURNS uuid[] LANGUAGE plpgsql AS $$
-- Of a batch, the first order of each account, when it is a plain purchase that the account pays: judged as one alone
-- is, and stored with the others in one statement a table. Whatever is not plain is left to whoever asks.
DECLARE
    v_taken uuid[];
    v_stored int;
BEGIN
    PERFORM 1 FROM account a
      JOIN jsonb_to_recordset(p_batch) AS r (account_id uuid, user_id uuid) ON a.id = r.account_id
     WHERE a.user_id = r.user_id OR may_trade(a.id, r.user_id) ORDER BY a.id FOR NO KEY UPDATE OF a;
    WITH first AS (
        SELECT DISTINCT ON (r.account_id) r.*
          FROM ROWS FROM (jsonb_to_recordset(p_batch) AS (
               id uuid, account_id uuid, user_id uuid, venue text, side text, refusal text, legs jsonb, reserve numeric,
               cautions boolean, venue_at timestamptz
          )) WITH ORDINALITY
            AS r (id, account_id, user_id, venue, side, refusal, legs, reserve, cautions, venue_at, place)
         ORDER BY r.account_id, r.place
    ), taken AS (
        UPDATE account a SET reserved = a.reserved + f.reserve, last_order_at = p_now
          FROM first f
         WHERE a.id = f.account_id AND (a.user_id = f.user_id OR may_trade(a.id, f.user_id)) AND a.venue = f.venue
           AND f.side = 'buy' AND f.legs IS NULL AND f.refusal IS NULL
           AND a.closed_at IS NULL AND a.frozen_reason IS NULL AND a.cash - a.reserved >= f.reserve
           AND NOT a.guarded AND a.kind = 'cash' AND a.mode = 'paper'
           AND (f.cautions IS NOT TRUE OR NOT may_need_caution(a, f.side, f.venue_at, p_now))
           AND NOT EXISTS (SELECT FROM trade_order o WHERE o.id = f.id)
     RETURNING f.id
    )
    SELECT coalesce(array_agg(id), '{}') INTO v_taken FROM taken;
    IF cardinality(v_taken) = 0 THEN
        RETURN v_taken;
    END IF;
    INSERT INTO trade_order (
        id, account_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on, status, sequence,
        filled_qty, filled_value, reserved, reserve_per_share, request_hash, risk, submitted_venue_at, created_at,
        updated_at, placed_by, stop_price, trail_amount, trail_percent, notional, expires_on, extended_hours, held,
        shared_qty, cond_symbol, cond_relation, cond_price, allow_short, opens
    )
    SELECT r.id, r.account_id, r.venue, r.symbol, r.side, r.type, r.qty, r.limit_price, r.time_in_force, r.session_on,
           'pending_submit', 1, 0, 0, r.reserve, r.reserve_per_share, decode(r.request_hash, 'hex'), r.risk, r.venue_at,
           p_now, p_now, r.user_id, r.stop_price, r.trail_amount, r.trail_percent, r.notional, r.expires_on,
           coalesce(r.extended_hours, false), coalesce(r.held, false), r.shared_qty, r.cond_symbol, r.cond_relation,
           r.cond_price, coalesce(r.allow_short, false), false
      FROM jsonb_to_recordset(p_batch) AS r (
           id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
           limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
           request_hash text, risk jsonb, venue_at timestamptz, stop_price numeric, trail_amount numeric,
           trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, held boolean,
           shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, allow_short boolean
      ) WHERE r.id = ANY (v_taken) ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS v_stored = ROW_COUNT;
    IF v_stored <> cardinality(v_taken) OR v_stored <> (
        SELECT count(*) FROM jsonb_to_recordset(p_batch) AS r (id uuid) WHERE r.id = ANY (v_taken)
    ) THEN
        RAISE EXCEPTION 'one key of the batch is used twice: its orders are taken one by one';
    END IF;
    INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
    SELECT r.id, 1, 'pending_submit', r.words, r.venue_at, p_now
      FROM jsonb_to_recordset(p_batch) AS r (id uuid, words text, venue_at timestamptz) WHERE r.id = ANY (v_taken);
    INSERT INTO outbox (kind, order_id, venue, created_at)
    SELECT CASE WHEN r.held THEN 'wait' ELSE 'submit' END, r.id, r.venue, p_now
      FROM jsonb_to_recordset(p_batch) AS r (id uuid, held boolean, venue text) WHERE r.id = ANY (v_taken);
    RETURN v_taken;
END $$;

CREATE OR REPLACE FUNCTION submit_orders(p_batch jsonb, p_now timestamptz)
RETURNS TABLE (order_id uuid, outcome text, reason text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i record;
    v_account account;
    v_free numeric;
    v_reason text;
    v_cash numeric;
    v_hash bytea;
    v_words text[];
    v_needs_marks boolean;
    v_opens boolean;
    v_margin text;
    v_taken uuid[] := '{}';
BEGIN
    IF jsonb_array_length(p_batch) > 1 THEN
        v_taken := take_plain_orders(p_batch, p_now);
        RETURN QUERY SELECT t.id, 'taken', NULL::text FROM unnest(v_taken) AS t (id);
    END IF;
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
        limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
        request_hash text, risk jsonb, refusal text, venue_at timestamptz, stop_price numeric, trail_amount numeric,
        trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, role text, held boolean,
        shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, legs jsonb, price numeric,
        marks jsonb, day_start timestamptz, cautions boolean, allow_short boolean, words text
    ) WHERE r.id <> ALL (v_taken) LOOP
        order_id := i.id;
        v_reason := i.refusal;
        v_opens := false;
        v_cash := CASE WHEN i.side = 'buy' THEN i.reserve ELSE 0 END;
        UPDATE account SET reserved = reserved + v_cash, last_order_at = p_now
         WHERE id = i.account_id AND (user_id = i.user_id OR may_trade(id, i.user_id)) AND venue = i.venue
           AND closed_at IS NULL AND frozen_reason IS NULL AND cash - reserved >= v_cash AND v_reason IS NULL
           AND NOT guarded AND kind = 'cash'
           AND (i.cautions IS NOT TRUE OR NOT may_need_caution(account, i.side, i.venue_at, p_now));
        IF NOT FOUND THEN
            SELECT * INTO v_account FROM account
             WHERE id = i.account_id AND (user_id = i.user_id OR may_trade(id, i.user_id)) FOR UPDATE;
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
                WHEN v_account.kind = 'cash' AND v_account.cash - v_account.reserved < v_cash THEN
                     format('Buying power is %s %s and this order needs %s %s.',
                            to_char(v_account.cash - v_account.reserved, 'FM999,999,999,990.00'), v_account.currency,
                            to_char(v_cash, 'FM999,999,999,990.00'), v_account.currency)
            END;
            IF v_reason IS NULL AND v_account.guarded AND NOT EXISTS (SELECT FROM trade_order WHERE id = i.id) THEN
                SELECT g.words, g.needs_marks INTO v_words, v_needs_marks FROM guard_words(v_account, to_jsonb(i)) g;
                IF v_needs_marks THEN
                    outcome := 'needs_marks';
                    reason := NULL;
                    RETURN NEXT;
                    CONTINUE;
                END IF;
                v_reason := nullif(array_to_string(v_words, ' '), '');
            END IF;
            IF v_account.kind = 'margin' THEN
                v_cash := 0;
                IF v_reason IS NULL AND NOT EXISTS (SELECT FROM trade_order WHERE id = i.id) THEN
                    SELECT m.opens, m.words, m.needs_marks INTO v_opens, v_margin, v_needs_marks
                      FROM margin_words(v_account, to_jsonb(i)) m;
                    IF v_needs_marks THEN
                        outcome := 'needs_marks';
                        reason := NULL;
                        RETURN NEXT;
                        CONTINUE;
                    END IF;
                    v_reason := v_margin;
                    v_cash := CASE WHEN v_opens AND v_reason IS NULL THEN i.reserve ELSE 0 END;
                END IF;
            END IF;
            IF v_reason IS NULL AND i.cautions
               AND may_need_caution(v_account, i.side, i.venue_at, p_now)
               AND NOT EXISTS (SELECT FROM trade_order WHERE id = i.id) THEN
                outcome := 'needs_cautions';
                reason := NULL;
                RETURN NEXT;
                CONTINUE;
            END IF;
            IF v_reason IS NULL THEN
                UPDATE account SET reserved = reserved + v_cash, last_order_at = p_now WHERE id = i.account_id;
            ELSE
                v_cash := 0;
            END IF;
        END IF;

        -- The account row is locked from here on, so a second request with the same key waits for the first.
        IF v_reason IS NULL AND i.side = 'sell' AND v_opens THEN
            INSERT INTO holding AS h (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at,
                                      updated_at)
            VALUES (i.account_id, i.symbol, 0, 0, 0, i.qty, i.venue_at, i.venue_at)
                ON CONFLICT ON CONSTRAINT holding_pkey DO UPDATE SET reserved_qty = h.reserved_qty + excluded.reserved_qty;
        ELSIF v_reason IS NULL AND i.side = 'sell' THEN
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
            submitted_venue_at, created_at, updated_at, placed_by, stop_price, trail_amount, trail_percent, notional,
            expires_on, extended_hours, group_id, role, held, shared_qty, cond_symbol, cond_relation, cond_price,
            allow_short, opens
        ) VALUES (
            i.id, i.account_id, i.venue, i.symbol, i.side, i.type, i.qty, i.limit_price, i.time_in_force, i.session_on,
            CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END, 1, 0, 0, v_cash,
            CASE WHEN i.side = 'buy' OR v_opens THEN i.reserve_per_share ELSE 0 END, v_reason, decode(i.request_hash, 'hex'),
            i.risk, i.venue_at, p_now, p_now, i.user_id, i.stop_price, i.trail_amount, i.trail_percent, i.notional,
            i.expires_on, coalesce(i.extended_hours, false),
            CASE WHEN i.legs IS NOT NULL AND v_reason IS NULL THEN i.id END,
            CASE WHEN i.legs IS NOT NULL AND v_reason IS NULL THEN i.role END,
            coalesce(i.held, false) AND v_reason IS NULL, i.shared_qty, i.cond_symbol, i.cond_relation, i.cond_price,
            coalesce(i.allow_short, false), v_opens AND v_reason IS NULL
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
        VALUES (i.id, 1, CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END,
                coalesce(v_reason, i.words), i.venue_at, p_now);
        IF v_reason IS NULL THEN
            INSERT INTO outbox (kind, order_id, venue, created_at)
            VALUES (CASE WHEN i.held THEN 'wait' ELSE 'submit' END, i.id, i.venue, p_now);
            IF i.legs IS NOT NULL THEN
                PERFORM add_legs(i.id, i.legs, p_now);
            END IF;
        END IF;
        outcome := CASE WHEN v_reason IS NULL THEN 'taken' ELSE 'refused' END;
        reason := v_reason;
        RETURN NEXT;
    END LOOP;
END $$;

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
    v_back numeric;
    v_held holding;
    v_ids uuid[];
    v_outbox bigint[];
    v_early boolean;
    v_margin uuid[];
    v_lends boolean;
    v_aside numeric;
    v_all_accounts uuid[];
    v_twice boolean;
    v_at_once boolean;
    -- What is written at the end, in one statement a table: fills, the steps of orders, and what orders are then.
    v_fills uuid[] := '{}';
    v_gains numeric[] := '{}';
    v_stepped uuid[] := '{}';
    v_numbers int[] := '{}';
    v_states text[] := '{}';
    v_reasons text[] := '{}';
    v_when timestamptz[] := '{}';
    v_changed uuid[] := '{}';
    v_ends_at text[] := '{}';
    v_sequences int[] := '{}';
    v_wholes numeric[] := '{}';
    v_more numeric[] := '{}';
    v_values numeric[] := '{}';
    v_freed numeric[] := '{}';
    v_accounts uuid[] := '{}';
    v_symbols text[] := '{}';
    v_qtys numeric[] := '{}';
    v_cashes numeric[] := '{}';
    v_releases numeric[] := '{}';
    v_instants timestamptz[] := '{}';
BEGIN
    SELECT array_agg((e->>'order')::uuid), array_agg((e->>'outbox')::bigint),
           bool_or(e->'steps'->>-1 IN ('canceled', 'expired', 'rejected', 'not_sent')),
           count(*) <> count(DISTINCT e->>'order')
      INTO v_ids, v_outbox, v_early, v_twice
      FROM jsonb_array_elements(p_batch) e;
    -- Every order first: a cancel holds its order while it waits for the account, and must not wait for one of ours.
    PERFORM 1 FROM trade_order o WHERE o.id = ANY (v_ids) ORDER BY o.id FOR UPDATE;
    DELETE FROM outbox WHERE id = ANY (v_outbox);
    SELECT array_agg(DISTINCT o.account_id),
           v_early OR coalesce(bool_or(o.side = 'sell' OR o.group_id IS NOT NULL OR a.kind = 'margin'), false),
           coalesce(array_agg(DISTINCT o.account_id) FILTER (WHERE a.kind = 'margin'), '{}')
      INTO v_all_accounts, v_early, v_margin
      FROM trade_order o JOIN account a ON a.id = o.account_id WHERE o.id = ANY (v_ids);
    IF v_early THEN
        PERFORM 1 FROM account a WHERE a.id = ANY (v_all_accounts) ORDER BY a.id FOR NO KEY UPDATE;
    END IF;
    FOR i IN
        SELECT r.*, (SELECT o FROM trade_order o WHERE o.id = r."order") AS found,
               EXISTS (SELECT FROM fill f WHERE f.id = r.fill) AS known,
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
        v_order := i.found;
        -- Others read an order of a group before the batch is over, and one named twice reads itself.
        v_at_once := v_order.group_id IS NOT NULL OR v_twice;
        IF i.execution IS NULL AND NOT v_at_once AND i."from" IS NOT NULL
           AND i.steps[cardinality(i.steps)] NOT IN ('canceled', 'expired', 'rejected', 'not_sent') THEN
            booked := coalesce(v_order.status = ANY (i."from"), false);
            status := v_order.status;
            IF booked THEN
                status := i.steps[cardinality(i.steps)];
                FOR n IN 1 .. cardinality(i.steps) LOOP
                    v_stepped := v_stepped || i."order";
                    v_numbers := v_numbers || v_order.sequence + n;
                    v_states := v_states || i.steps[n];
                    v_reasons := v_reasons || i.reason;
                    v_when := v_when || i.venue_at;
                END LOOP;
                v_changed := v_changed || i."order";
                v_ends_at := v_ends_at || status;
                v_sequences := v_sequences || v_order.sequence + cardinality(i.steps);
                v_wholes := v_wholes || v_order.qty;
                v_more := v_more || 0::numeric;
                v_values := v_values || 0::numeric;
                v_freed := v_freed || 0::numeric;
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;
        IF i.execution IS NULL THEN
            booked := move_order(i."order", i.steps, i."from", i.reason, i.venue_at, p_now);
            SELECT o.status INTO status FROM trade_order o WHERE o.id = i."order";
            RETURN NEXT;
            CONTINUE;
        END IF;

        v_whole := coalesce(i.whole, v_order.qty);
        v_filled := v_order.filled_qty + i.qty = v_whole;
        v_ends := v_filled OR i.end_as IS NOT NULL;
        IF v_order.id IS NULL
           OR v_order.status NOT IN ('pending_submit', 'working', 'partial', 'accepted', 'pending_cancel')
           OR v_order.filled_qty + i.qty > v_whole
           OR (v_order.side = 'sell' AND v_whole > v_order.qty)
           OR v_order.revision <> i.revision
           OR i.known
           OR (v_order.role IN ('target', 'stop') AND group_left(v_order.group_id) < i.qty) THEN
            booked := false;
            status := v_order.status;
            RETURN NEXT;
            CONTINUE;
        END IF;
        v_lends := v_order.account_id = ANY (v_margin);
        v_release := CASE WHEN v_ends THEN v_order.reserved
                          WHEN v_lends THEN v_order.reserved - least(v_order.reserved, coalesce(i.keep, v_order.reserved))
                          WHEN v_order.side = 'sell' THEN 0
                          WHEN v_order.notional IS NOT NULL THEN least(v_order.reserved, -i.cash)
                          ELSE v_order.reserved - greatest(least(v_order.reserved + i.cash, i.keep), 0) END;
        status := CASE WHEN v_filled THEN 'filled' WHEN v_order.status = 'pending_cancel' THEN 'pending_cancel'
                       ELSE 'partial' END;
        IF v_order.side = 'buy' AND NOT v_lends AND -i.cash > v_release THEN
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
        IF v_order.side = 'buy' AND NOT v_lends THEN
            v_realized := 0;
            IF v_early THEN
                PERFORM book_purchases(ARRAY[v_order.account_id], ARRAY[v_order.symbol::text], ARRAY[i.qty],
                                       ARRAY[i.cash], ARRAY[i.venue_at]);
            END IF;
        ELSE
            IF v_order.side = 'buy' THEN
                INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at,
                                     updated_at)
                VALUES (v_order.account_id, v_order.symbol, 0, 0, 0, 0, i.venue_at, i.venue_at) ON CONFLICT DO NOTHING;
            END IF;
            SELECT * INTO STRICT v_held FROM holding h
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol FOR UPDATE;
            IF v_order.side = 'sell' AND NOT v_order.opens AND v_held.signed_qty < i.qty THEN
                RAISE EXCEPTION 'order % would sell % of % held', i."order", i.qty, v_held.signed_qty;
            END IF;
            v_back := CASE WHEN v_order.role IN ('target', 'stop') AND v_ends
                                AND NOT group_sells(v_order.group_id, v_order.id)
                           THEN group_left(v_order.group_id) - i.qty ELSE 0 END;
            v_aside := CASE WHEN v_order.side = 'buy' THEN 0
                            WHEN v_order.role IN ('target', 'stop') THEN i.qty + v_back
                            WHEN v_ends THEN v_order.qty - v_order.filled_qty
                            ELSE v_order.qty - v_whole + i.qty END;
            UPDATE holding h
               SET signed_qty = moved.signed_qty, cost_basis = moved.cost_basis,
                   realized_pl = h.realized_pl + moved.realized, reserved_qty = h.reserved_qty - v_aside,
                   opened_at = CASE WHEN sign(moved.signed_qty) IN (0, sign(h.signed_qty)) THEN h.opened_at
                                    ELSE i.venue_at END,
                   updated_at = i.venue_at
              FROM holding_after(v_held.signed_qty, v_held.cost_basis, v_order.side, i.qty, i.cash) AS moved
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol
         RETURNING moved.realized INTO v_realized;
        END IF;
        IF v_order.role = 'entry' AND group_sells(v_order.group_id, v_order.id) THEN
            -- What an entry buys is set aside for its ways out in the same breath: nobody sells it in between.
            UPDATE holding h SET reserved_qty = h.reserved_qty + i.qty
             WHERE h.account_id = v_order.account_id AND h.symbol = v_order.symbol;
        END IF;
        IF v_at_once THEN
            UPDATE trade_order o
               SET qty = v_whole, filled_qty = o.filled_qty + i.qty, filled_value = o.filled_value + i.qty * i.price,
                   reserved = o.reserved - v_release, status = book_executions.status, updated_at = p_now,
                   sequence = v_order.sequence + cardinality(v_steps)
             WHERE o.id = i."order";
        ELSE
            v_changed := v_changed || i."order";
            v_ends_at := v_ends_at || status;
            v_sequences := v_sequences || v_order.sequence + cardinality(v_steps);
            v_wholes := v_wholes || v_whole;
            v_more := v_more || i.qty;
            v_values := v_values || i.qty * i.price;
            v_freed := v_freed || v_release;
        END IF;
        FOR n IN 1 .. cardinality(v_steps) LOOP
            v_stepped := v_stepped || i."order";
            v_numbers := v_numbers || v_order.sequence + n;
            v_states := v_states || v_steps[n];
            v_reasons := v_reasons || CASE WHEN v_steps[n] = 'working' THEN i.reason
                                           WHEN n = cardinality(v_steps) AND NOT v_filled THEN i.end_why END;
            v_when := v_when || i.venue_at;
        END LOOP;
        v_fills := v_fills || i.fill;
        v_gains := v_gains || v_realized;
        booked := true;
        RETURN NEXT;
    END LOOP;
    UPDATE trade_order o
       SET qty = m.whole, filled_qty = o.filled_qty + m.qty, filled_value = o.filled_value + m.value,
           reserved = o.reserved - m.release, status = m.status, updated_at = p_now, sequence = m.sequence
      FROM unnest(v_changed, v_ends_at, v_sequences, v_wholes, v_more, v_values, v_freed)
           AS m (id, status, sequence, whole, qty, value, release)
     WHERE o.id = m.id;
    INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
    SELECT m.id, m.number, m.status, m.reason, m.at, p_now
      FROM unnest(v_stepped, v_numbers, v_states, v_reasons, v_when) AS m (id, number, status, reason, at);
    IF cardinality(v_fills) = 0 THEN
        RETURN;
    END IF;
    -- The journal keeps the order in which the batch was judged: what a sale gained hangs on what went before it.
    INSERT INTO ledger_entry (account_id, kind, description, order_id, fill_id, venue_at, booked_at, accounts,
                              commodities, amounts)
    SELECT m.account_id, 'fill', r.description, r."order", r.fill, r.venue_at, p_now, r.accounts, r.commodities,
           r.amounts
      FROM unnest(v_fills, v_accounts) WITH ORDINALITY AS m (fill, account_id, place)
      JOIN jsonb_to_recordset(p_batch) AS r (
           "order" uuid, fill uuid, venue_at timestamptz, accounts text[], commodities text[], amounts numeric[],
           description text
      ) ON r.fill = m.fill ORDER BY m.place;
    INSERT INTO fill (id, order_id, execution, account_id, symbol, side, qty, price, fees, realized_pl,
                      executed_at, booked_at, preset, receipt)
    SELECT r.fill, o.id, r.execution, o.account_id, o.symbol, o.side, r.qty, r.price, r.fees, m.realized_pl, r.venue_at,
           p_now, r.preset, r.receipt
      FROM unnest(v_fills, v_gains) AS m (fill, realized_pl)
      JOIN jsonb_to_recordset(p_batch) AS r (
           "order" uuid, fill uuid, execution int, venue_at timestamptz, qty numeric, price numeric, fees numeric,
           preset text, receipt jsonb
      ) ON r.fill = m.fill JOIN trade_order o ON o.id = r."order";

    IF NOT v_early THEN
        PERFORM 1 FROM account a WHERE a.id = ANY (v_accounts) ORDER BY a.id FOR NO KEY UPDATE;
        PERFORM book_purchases(v_accounts, v_symbols, v_qtys, v_cashes, v_instants);
    END IF;
    UPDATE account a SET cash = a.cash + moved.cash, reserved = a.reserved - moved.release
      FROM (SELECT m.account_id, sum(m.cash) AS cash, sum(m.release) AS release
              FROM unnest(v_accounts, v_cashes, v_releases) AS m (account_id, cash, release) GROUP BY 1) AS moved
     WHERE a.id = moved.account_id;
END $$;
