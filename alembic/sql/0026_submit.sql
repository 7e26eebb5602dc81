-- Takes orders, each one on its own, in one round trip: idempotency, ownership, risk under the account's row lock,
-- reservation, order, first event and outbox. The caller computed the reservation and any refusal in words; this
-- function decides only what needs the lock. Per order it says how it went: taken, refused (stored as risk_rejected,
-- with the reason), repeated (same key, same request), other_body (same key, other request) or no_account. `user_id` is
-- who places it: the account's owner, or somebody the owner lets trade on it. `legs` are the other orders of a group, which
-- is stored whole or not at all: they sleep (`held`) until the first fills, or share its shares (an OCO, `shared_qty`).
-- A guarded account's own switches and rules are asked under its lock; needs_marks: nothing was stored, they need prices
-- of what it holds (see guard_words). With `cautions` an order that somebody may have to read a warning about is not
-- stored either: needs_cautions.
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
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
        limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
        request_hash text, risk jsonb, refusal text, venue_at timestamptz, stop_price numeric, trail_amount numeric,
        trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, role text, held boolean,
        shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, legs jsonb, price numeric,
        marks jsonb, day_start timestamptz, cautions boolean
    ) LOOP
        order_id := i.id;
        v_reason := i.refusal;
        v_cash := CASE WHEN i.side = 'buy' THEN i.reserve ELSE 0 END;
        UPDATE account SET reserved = reserved + v_cash, last_order_at = p_now
         WHERE id = i.account_id AND (user_id = i.user_id OR may_trade(id, i.user_id)) AND venue = i.venue
           AND closed_at IS NULL AND frozen_reason IS NULL AND cash - reserved >= v_cash AND v_reason IS NULL
           AND NOT guarded
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
                WHEN v_account.cash - v_account.reserved < v_cash THEN
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
            submitted_venue_at, created_at, updated_at, placed_by, stop_price, trail_amount, trail_percent, notional,
            expires_on, extended_hours, group_id, role, held, shared_qty, cond_symbol, cond_relation, cond_price
        ) VALUES (
            i.id, i.account_id, i.venue, i.symbol, i.side, i.type, i.qty, i.limit_price, i.time_in_force, i.session_on,
            CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END, 1, 0, 0, v_cash,
            CASE WHEN i.side = 'buy' THEN i.reserve_per_share ELSE 0 END, v_reason, decode(i.request_hash, 'hex'),
            i.risk, i.venue_at, p_now, p_now, i.user_id, i.stop_price, i.trail_amount, i.trail_percent, i.notional,
            i.expires_on, coalesce(i.extended_hours, false),
            CASE WHEN i.legs IS NOT NULL AND v_reason IS NULL THEN i.id END,
            CASE WHEN i.legs IS NOT NULL AND v_reason IS NULL THEN i.role END,
            coalesce(i.held, false) AND v_reason IS NULL, i.shared_qty, i.cond_symbol, i.cond_relation, i.cond_price
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

-- Changes a resting order in its place, as FIX has it: the request and its answer are two events, a quantity at or below
-- what has filled ends the order as filled. Under the locks of order and account, so a fill comes before or after, and
-- `revision` keeps whoever still knows the former terms from booking by them. The caller computed `per_share`, what one
-- share may cost, and `fees`. One row: replaced, refused (with the reason), changed (by somebody else meanwhile), ended or
-- early (with the state); none when it is not the caller's.
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
            v_reserved := ceil((v_qty - v_order.filled_qty) * (p_terms->>'per_share')::numeric * 100) / 100
                          + (p_terms->>'fees')::numeric;
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
