-- The other orders of a group, as its first has them: account, symbol, time, decision and who placed it are the same.
CREATE FUNCTION add_legs(p_group uuid, p_legs jsonb, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_first trade_order;
BEGIN
    SELECT * INTO STRICT v_first FROM trade_order WHERE id = p_group;
    INSERT INTO trade_order (
        id, account_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on, status, sequence,
        filled_qty, filled_value, reserved, reserve_per_share, request_hash, risk, submitted_venue_at, created_at,
        updated_at, placed_by, stop_price, group_id, role, held, shared_qty)
    SELECT leg.id, v_first.account_id, v_first.venue, v_first.symbol, leg.side, leg.type, leg.qty, leg.limit_price,
           leg.time_in_force, v_first.session_on, 'pending_submit', 1, 0, 0, 0, 0, v_first.request_hash, v_first.risk,
           v_first.submitted_venue_at, p_now, p_now, v_first.placed_by, leg.stop_price, p_group, leg.role, leg.held,
           leg.shared_qty
      FROM jsonb_to_recordset(p_legs) AS leg (
               id uuid, role text, side text, type text, qty numeric, limit_price numeric, stop_price numeric,
               time_in_force text, held boolean, shared_qty numeric);
    INSERT INTO order_event (order_id, sequence, status, venue_at, booked_at)
    SELECT o.id, 1, 'pending_submit', o.submitted_venue_at, p_now FROM trade_order o
     WHERE o.group_id = p_group AND o.id <> p_group;
    INSERT INTO outbox (kind, order_id, venue, created_at)
    SELECT 'submit', o.id, o.venue, p_now FROM trade_order o
     WHERE o.group_id = p_group AND o.id <> p_group AND NOT o.held;
END $$;

-- Shares that the ways out of a group may still sell: what the entry filled, or what an OCO shares, less what they sold.
CREATE FUNCTION group_left(p_group uuid) RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(max(filled_qty) FILTER (WHERE role = 'entry'), max(shared_qty), 0)
           - coalesce(sum(filled_qty) FILTER (WHERE role <> 'entry'), 0)
      FROM trade_order WHERE group_id = p_group;
$$;

-- Whether a way out of the group other than `p_order` may still fill, now or once it is woken.
CREATE FUNCTION group_sells(p_group uuid, p_order uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM trade_order
                    WHERE group_id = p_group AND id <> p_order AND role <> 'entry'
                      AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected',
                                         'not_sent'));
$$;

-- Gives back what an order still holds, when it ends. The ways out of a group hold their shares together: the last one
-- gives them back. The holding's lock decides which that is.
CREATE OR REPLACE FUNCTION release_reservation(p_order trade_order) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_order.side = 'buy' AND p_order.reserved > 0 THEN
        UPDATE account SET reserved = reserved - p_order.reserved WHERE id = p_order.account_id;
    ELSIF p_order.role IN ('target', 'stop') THEN
        PERFORM 1 FROM holding WHERE account_id = p_order.account_id AND symbol = p_order.symbol FOR UPDATE;
        IF NOT group_sells(p_order.group_id, p_order.id) THEN
            UPDATE holding SET reserved_qty = reserved_qty - group_left(p_order.group_id)
             WHERE account_id = p_order.account_id AND symbol = p_order.symbol;
        END IF;
    ELSIF p_order.side = 'sell' AND p_order.qty > p_order.filled_qty THEN
        UPDATE holding SET reserved_qty = reserved_qty - (p_order.qty - p_order.filled_qty)
         WHERE account_id = p_order.account_id AND symbol = p_order.symbol;
    END IF;
END $$;

-- Takes orders, each one on its own, in one round trip: idempotency, ownership, risk under the account's row lock,
-- reservation, order, first event and outbox. The caller computed the reservation and any refusal in words; this
-- function decides only what needs the lock. Per order it says how it went: taken, refused (stored as risk_rejected,
-- with the reason), repeated (same key, same request), other_body (same key, other request) or no_account. `user_id` is
-- who places it: the account's owner, or somebody the owner lets trade on it. `legs` are the other orders of a group, which
-- is stored whole or not at all: they sleep (`held`) until the first fills, or share its shares (an OCO, `shared_qty`).
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
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
        limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
        request_hash text, risk jsonb, refusal text, venue_at timestamptz, stop_price numeric, trail_amount numeric,
        trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, role text, held boolean,
        shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, legs jsonb
    ) LOOP
        order_id := i.id;
        v_reason := i.refusal;
        v_cash := CASE WHEN i.side = 'buy' THEN i.reserve ELSE 0 END;
        UPDATE account SET reserved = reserved + v_cash
         WHERE id = i.account_id AND (user_id = i.user_id OR may_trade(id, i.user_id)) AND venue = i.venue
           AND closed_at IS NULL AND frozen_reason IS NULL AND cash - reserved >= v_cash AND v_reason IS NULL;
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

-- Keeps what stops remember: {"order", "revision", "water", "stop_price", "triggered_at"}. Nothing for an order that
-- ended or was changed meanwhile. A stop that was reached stays so, and a better trade is not forgotten for a worse one
-- that somebody tells late.
CREATE FUNCTION keep_watches(p_batch jsonb) RETURNS void LANGUAGE sql AS $$
    UPDATE trade_order o
       SET water = coalesce(w.water, o.water), stop_price = coalesce(w.stop_price, o.stop_price),
           triggered_at = coalesce(o.triggered_at, w.triggered_at)
      FROM jsonb_to_recordset(p_batch) AS w (
               "order" uuid, revision smallint, water numeric, stop_price numeric, triggered_at timestamptz)
     WHERE o.id = w."order" AND o.revision = w.revision
       AND (o.water IS NULL OR w.water IS NULL OR CASE o.side WHEN 'sell' THEN w.water >= o.water
                                                              ELSE w.water <= o.water END)
       AND o.status IN ('pending_submit', 'accepted', 'working', 'partial', 'pending_cancel');
$$;

-- Changes a resting order in its place, as FIX has it: the request and its answer are two events, a quantity at or below
-- what has filled ends the order as filled. Under the locks of order and account, so a fill comes before or after, and
-- `revision` keeps whoever still knows the former terms from booking by them. The caller computed `per_share`, what one
-- share may cost, and `fees`. One row: replaced, refused (with the reason), changed (by somebody else meanwhile), ended or
-- early (with the state); none when it is not the caller's.
CREATE FUNCTION replace_order(p_order uuid, p_user uuid, p_terms jsonb, p_venue_at timestamptz, p_now timestamptz)
RETURNS TABLE (outcome text, reason text) LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
    v_account account;
    v_qty numeric;
    v_reserved numeric := 0;
    v_free numeric;
    v_status text;
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

-- Asks for a cancel, also of an order that is on its way to a broker or whose fate there is not known. What ends here
-- without the worker is told to it where other orders hang on it.
CREATE OR REPLACE FUNCTION request_cancel(p_order uuid, p_user uuid, p_venue_at timestamptz, p_now timestamptz)
RETURNS TABLE (outcome text, stored trade_order) LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
BEGIN
    SELECT o.* INTO v_order FROM trade_order o JOIN account a ON a.id = o.account_id
     WHERE o.id = p_order AND (a.user_id = p_user OR may_trade(a.id, p_user)) FOR UPDATE OF o;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v_order.status = 'pending_submit' THEN
        -- Not handed to any broker yet: it ends here, and the worker finds nothing to send.
        PERFORM move_order(p_order, ARRAY['not_sent'], ARRAY['pending_submit'], 'Canceled before it was sent.',
                           p_venue_at, p_now);
        DELETE FROM outbox WHERE order_id = p_order;
        IF v_order.group_id IS NOT NULL THEN
            INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('group', p_order, v_order.venue, p_now);
        END IF;
    ELSIF v_order.status IN ('accepted', 'working', 'partial') THEN
        PERFORM move_order(p_order, ARRAY['pending_cancel'], ARRAY[v_order.status], NULL, p_venue_at, p_now);
        UPDATE trade_order SET cancel_requested_at = p_now WHERE id = p_order;
        INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('cancel', p_order, v_order.venue, p_now);
    ELSIF v_order.status IN ('submitting', 'unknown', 'suspended', 'done_for_day') THEN
        -- On its way, or its fate at the broker is not known: the wish is kept and carried out once it is known.
        UPDATE trade_order SET cancel_requested_at = coalesce(cancel_requested_at, p_now) WHERE id = p_order;
        IF NOT EXISTS (SELECT FROM outbox o WHERE o.order_id = p_order AND o.kind = 'cancel') THEN
            INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('cancel', p_order, v_order.venue, p_now);
        END IF;
    ELSIF v_order.status NOT IN ('pending_cancel') THEN
        RETURN QUERY SELECT 'too_late'::text, v_order;
        RETURN;
    END IF;
    SELECT * INTO v_order FROM trade_order WHERE id = p_order;
    RETURN QUERY SELECT 'asked'::text, v_order;
END $$;

-- Carries out what a group has to do (domain.order_groups), and wakes orders whose condition was met: {"verb", "order",
-- "qty", "why"}. What does not fit any more is left alone: the group is looked at again. The orders that it touched.
CREATE FUNCTION follow_groups(p_actions jsonb, p_venue_at timestamptz, p_now timestamptz)
RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    i record;
    v_order trade_order;
    v_open boolean;
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_actions) AS a (verb text, "order" uuid, qty numeric, why text)
              ORDER BY "order" LOOP
        SELECT * INTO v_order FROM trade_order WHERE id = i."order" FOR UPDATE;
        v_open := v_order.status IN ('accepted', 'working', 'partial');
        IF i.verb = 'cancel' AND v_order.status = 'pending_submit' THEN
            PERFORM move_order(v_order.id, ARRAY['not_sent'], ARRAY['pending_submit'], i.why, p_venue_at, p_now);
            DELETE FROM outbox WHERE order_id = v_order.id;
        ELSIF i.verb = 'cancel' AND v_open THEN
            PERFORM move_order(v_order.id, ARRAY['canceled'], ARRAY[v_order.status], i.why, p_venue_at, p_now);
            DELETE FROM outbox WHERE order_id = v_order.id;
        ELSIF (v_open OR v_order.status = 'pending_submit')
              AND ((i.verb = 'activate' AND v_order.held) OR (i.verb IN ('resize', 'hold') AND NOT v_order.held))
              AND i.qty >= v_order.filled_qty THEN
            UPDATE trade_order
               SET held = i.verb = 'hold', qty = CASE i.verb WHEN 'hold' THEN qty ELSE i.qty END,
                   revision = revision + 1, sequence = sequence + 1, updated_at = p_now
             WHERE id = v_order.id;
            INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
            VALUES (v_order.id, v_order.sequence + 1, v_order.status, i.why, p_venue_at, p_now);
            IF i.verb = 'activate' THEN
                INSERT INTO outbox (kind, order_id, venue, created_at)
                VALUES (CASE WHEN v_open THEN 'replace' ELSE 'submit' END, v_order.id, v_order.venue, p_now);
            END IF;
        ELSE
            CONTINUE;
        END IF;
        RETURN NEXT v_order.id;
    END LOOP;
END $$;

-- Books executions in one round trip; each item is the news of one order, and a batch names an order once:
--   {"order", "outbox", "steps": [...], "from": [...], "venue_at", "reason"} and, for a fill, {"execution", "revision",
--   "qty", "price", "fees", "preset", "fill", "receipt", "description", "cash", "accounts", "commodities", "amounts"} and
--   perhaps {"whole": the quantity of an order by amount, as this price has it, "end_as", "end_why": how the rest ends}.
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
            end_as text, end_why text
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
                          ELSE least(v_order.reserved, v_order.reserve_per_share * i.qty) END;
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
