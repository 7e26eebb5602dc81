-- Takes orders, each one on its own, in one round trip: idempotency, ownership, risk under the account's row lock,
-- reservation, order, first event and outbox. The caller computed the reservation and any refusal in words; this
-- function decides only what needs the lock. Per order it says how it went: taken, refused (stored as risk_rejected,
-- with the reason), repeated (same key, same request), other_body (same key, other request) or no_account. `user_id` is
-- who places it: the account's owner, or somebody the owner lets trade on it. A guarded account's own switches and rules
-- are asked under its lock; needs_marks: nothing was stored, they need prices of what it holds (see guard_words). With
-- `cautions` an order that somebody may have to read a warning about is not stored either: needs_cautions.
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
        request_hash text, risk jsonb, refusal text, venue_at timestamptz, price numeric, marks jsonb,
        day_start timestamptz, cautions boolean
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
            submitted_venue_at, created_at, updated_at, placed_by
        ) VALUES (
            i.id, i.account_id, i.venue, i.symbol, i.side, i.type, i.qty, i.limit_price, i.time_in_force, i.session_on,
            CASE WHEN v_reason IS NULL THEN 'pending_submit' ELSE 'risk_rejected' END, 1, 0, 0, v_cash,
            CASE WHEN i.side = 'buy' THEN i.reserve_per_share ELSE 0 END, v_reason, decode(i.request_hash, 'hex'),
            i.risk, i.venue_at, p_now, p_now, i.user_id
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
