-- Margin accounts: what they may open, what they have to keep (domain/margin.py says the same in Python and cites the
-- rules; a test holds one against the other), and holdings below zero.

-- A holding after a trade that moved `p_cash` (fees included): what closes takes its part of the cost, what opens adds
-- to it. A short's cost is negative: what came in for it.
CREATE FUNCTION holding_after(
    p_qty numeric, p_cost numeric, p_side text, p_traded numeric, p_cash numeric,
    OUT signed_qty numeric, OUT cost_basis numeric, OUT realized numeric
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_signed numeric := CASE p_side WHEN 'buy' THEN p_traded ELSE -p_traded END;
    v_closed numeric := CASE WHEN sign(p_qty) = -sign(v_signed) THEN least(abs(p_qty), p_traded) ELSE 0 END;
    v_basis numeric := CASE v_closed WHEN 0 THEN 0 WHEN abs(p_qty) THEN p_cost
                                     ELSE round(p_cost * v_closed / abs(p_qty), 6) END;
    v_cash numeric := CASE v_closed WHEN 0 THEN 0 WHEN p_traded THEN p_cash
                                    ELSE round(p_cash * v_closed / p_traded, 6) END;
BEGIN
    signed_qty := p_qty + v_signed;
    cost_basis := p_cost - v_basis - (p_cash - v_cash);
    realized := v_cash - v_basis;
END $$;

-- Where a margin account stands at these prices by symbol; what has none counts at cost.
CREATE FUNCTION margin_state_of(
    p_account account, p_marks jsonb,
    OUT equity numeric, OUT initial numeric, OUT maintenance numeric, OUT power numeric
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_long numeric;
    v_short numeric;
BEGIN
    SELECT coalesce(sum(qty * price) FILTER (WHERE qty > 0), 0), coalesce(sum(-qty * price) FILTER (WHERE qty < 0), 0),
           coalesce(sum(CASE WHEN qty > 0 THEN qty * price * 0.25
                             WHEN price < 5 THEN greatest(-qty * price, -qty * 2.50)
                             ELSE greatest(-qty * price * 0.30, -qty * 5) END), 0)
      INTO v_long, v_short, maintenance
      FROM (SELECT h.signed_qty AS qty,
                   coalesce((p_marks->>h.symbol)::numeric, abs(h.cost_basis / h.signed_qty)) AS price
              FROM holding h WHERE h.account_id = p_account.id AND h.signed_qty <> 0) AS held;
    equity := p_account.cash + v_long - v_short;
    initial := (v_long + v_short) * 0.50;
    power := greatest(0, least((equity - initial) / 0.50, (equity - maintenance) / 0.25));
    IF equity < 2000 THEN
        power := least(power, greatest(0, p_account.cash - v_short * 1.50));
    END IF;
END $$;

-- Whether the prices are about everything that the account holds; one that nobody knows is in them as null.
CREATE FUNCTION knows_marks(p_account uuid, p_marks jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_typeof(p_marks) = 'object', false)
           AND NOT EXISTS (SELECT FROM holding h
                            WHERE h.account_id = p_account AND h.signed_qty <> 0 AND NOT p_marks ? h.symbol)
$$;

-- Orders of one side and symbol that may still fill.
CREATE FUNCTION open_orders(p_account uuid, p_symbol text, p_side text) RETURNS SETOF trade_order
LANGUAGE sql STABLE AS $$
    SELECT * FROM trade_order
     WHERE account_id = p_account AND symbol = p_symbol AND side = p_side
       AND status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
$$;

-- How many shares may still be bought to close a short position: those that no open purchase buys already.
CREATE FUNCTION cover_room(p_account uuid, p_symbol text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT -h.signed_qty FROM holding h WHERE h.account_id = p_account AND h.symbol = p_symbol), 0)
           - coalesce((SELECT sum(o.qty - o.filled_qty) FROM open_orders(p_account, p_symbol, 'buy') o), 0)
$$;

-- What a margin account says to an order, under its lock: whether it opens (then it needs buying power) or closes what
-- is held (then it needs none), and why it is not taken. Closing and opening orders of one side and symbol are not mixed:
-- whichever filled first would take what the other was judged by. `needs_marks`: nothing was decided.
CREATE FUNCTION margin_words(
    p_account account, p_order jsonb, OUT opens boolean, OUT words text, OUT needs_marks boolean
) LANGUAGE plpgsql AS $$
DECLARE
    v_symbol text := p_order->>'symbol';
    v_side text := p_order->>'side';
    v_qty numeric := (p_order->>'qty')::numeric;
    v_grouped boolean := coalesce(jsonb_typeof(p_order->'legs') = 'array', false);
    v_held numeric;
    v_free numeric;
    v_state record;
BEGIN
    opens := true;
    needs_marks := false;
    SELECT h.signed_qty, h.signed_qty - h.reserved_qty INTO v_held, v_free
      FROM holding h WHERE h.account_id = p_account.id AND h.symbol = v_symbol;
    v_held := coalesce(v_held, 0);
    v_free := coalesce(v_free, 0);
    IF v_side = 'sell' THEN
        IF v_qty <= v_free THEN
            opens := false;
            RETURN;
        ELSIF NOT coalesce((p_order->>'allow_short')::boolean, false) OR v_grouped THEN
            words := format('You can sell %s %s at most: selling more opens a short position, which the order has to '
                            'ask for.', trim_scale(greatest(v_free, 0)), v_symbol);
        ELSIF EXISTS (SELECT FROM open_orders(p_account.id, v_symbol, 'sell') o WHERE NOT o.opens) THEN
            words := format('Open sales of %s take what you hold of it: cancel them before you sell short.', v_symbol);
        END IF;
    ELSIF v_held < 0 THEN
        IF v_grouped OR (p_order->>'notional') IS NOT NULL THEN
            words := format('You are short %s %s: close that with a plain order by quantity first.',
                            trim_scale(-v_held), v_symbol);
        ELSIF v_qty <= cover_room(p_account.id, v_symbol) THEN
            opens := false;
            RETURN;
        ELSIF EXISTS (SELECT FROM open_orders(p_account.id, v_symbol, 'buy') o WHERE NOT o.opens) THEN
            words := format('Open purchases of %s close your short position: cancel them before you buy more.',
                            v_symbol);
        END IF;
    ELSIF v_grouped AND EXISTS (SELECT FROM open_orders(p_account.id, v_symbol, 'sell') o WHERE o.opens) THEN
        words := format('An open order sells %s short: cancel it before you buy with orders behind.', v_symbol);
    END IF;
    IF words IS NOT NULL THEN
        RETURN;
    END IF;
    IF NOT knows_marks(p_account.id, p_order->'marks') THEN
        needs_marks := true;
        RETURN;
    END IF;
    SELECT * INTO v_state FROM margin_state_of(p_account, p_order->'marks');
    IF v_side = 'sell' AND v_state.equity < 2000 THEN
        words := format('Your equity is %s: below 2,000.00 %s no shares are lent.',
                        money_words(v_state.equity, p_account.currency), p_account.currency);
    ELSIF (p_order->>'reserve')::numeric > v_state.power - p_account.reserved THEN
        words := format('Buying power is %s and this order needs %s.',
                        money_words(greatest(v_state.power - p_account.reserved, 0), p_account.currency),
                        money_words((p_order->>'reserve')::numeric, p_account.currency));
    END IF;
END $$;

-- Gives back what an order still holds, when it ends. The ways out of a group hold their shares together: the last one
-- gives them back. The holding's lock decides which that is.
CREATE OR REPLACE FUNCTION release_reservation(p_order trade_order) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_order.reserved > 0 THEN
        UPDATE account SET reserved = reserved - p_order.reserved WHERE id = p_order.account_id;
    END IF;
    IF p_order.role IN ('target', 'stop') THEN
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
-- A guarded account's own switches and rules are asked under its lock; needs_marks: nothing was stored, they need prices
-- of what it holds (see guard_words). With `cautions` an order that somebody may have to read a warning about is not
-- stored either: needs_cautions. In a margin account the order is judged by margin_words, which needs marks of all that
-- is held; `reserve` is then in buying power and belongs to an order that opens (`opens`), one that closes needs none.
-- `words` say why somebody else than a person sent it: they go into its history.
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
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_batch) AS r (
        id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
        limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
        request_hash text, risk jsonb, refusal text, venue_at timestamptz, stop_price numeric, trail_amount numeric,
        trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, role text, held boolean,
        shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, legs jsonb, price numeric,
        marks jsonb, day_start timestamptz, cautions boolean, allow_short boolean, words text
    ) LOOP
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

-- Changes a resting order in its place, as FIX has it: the request and its answer are two events, a quantity at or below
-- what has filled ends the order as filled. Under the locks of order and account, so a fill comes before or after, and
-- `revision` keeps whoever still knows the former terms from booking by them. The caller computed `per_share`, what one
-- share may cost, and `reserve`, what the rest may cost with its commission. One row: replaced, refused (with the
-- reason), changed (by somebody else meanwhile), needs_marks (a margin account, see margin_words), ended or early
-- (with the state); none when it is not the caller's.
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
    v_more numeric;
    v_power numeric;
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
    IF v_account.kind = 'cash' AND v_order.side = 'buy' OR v_order.opens THEN
        IF v_status <> 'filled' THEN
            v_reserved := (p_terms->>'reserve')::numeric;
        END IF;
        v_more := v_reserved - v_order.reserved;
        v_power := v_account.cash;
        IF v_account.kind = 'margin' THEN
            IF v_more > 0 AND NOT knows_marks(v_account.id, p_terms->'marks') THEN
                RETURN QUERY SELECT 'needs_marks'::text, NULL::text;
                RETURN;
            END IF;
            SELECT m.power INTO v_power FROM margin_state_of(v_account, p_terms->'marks') m;
        END IF;
        IF v_more > greatest(v_power - v_account.reserved, 0) THEN
            RETURN QUERY SELECT 'refused'::text, format(
                'Buying power is %s %s and the change needs %s %s more.',
                to_char(v_power - v_account.reserved, 'FM999,999,999,990.00'), v_account.currency,
                to_char(v_more, 'FM999,999,999,990.00'), v_account.currency);
            RETURN;
        END IF;
        UPDATE account SET reserved = reserved + v_more WHERE id = v_account.id;
    ELSIF v_order.side = 'buy' AND v_qty > v_order.qty
          AND v_qty - v_order.qty > cover_room(v_account.id, v_order.symbol) THEN
        RETURN QUERY SELECT 'refused'::text, format(
            'It would do more than close your short position in %s: send another order for that.', v_order.symbol);
        RETURN;
    END IF;
    IF v_order.side = 'sell' AND v_order.opens THEN
        UPDATE holding SET reserved_qty = reserved_qty + v_qty - v_order.qty
         WHERE account_id = v_account.id AND symbol = v_order.symbol;
    ELSIF v_order.side = 'sell' THEN
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
--   perhaps {"keep": the most that the rest can still cost or need, "whole": the quantity of an order by amount, as
--   this price has it, "end_as", "end_why": how the rest ends}.
-- Cash and holding move by exactly what the legs say; in a margin account a holding may be negative, and a reservation is
-- buying power: what stays of it is `keep`. An item whose order cannot take it any more is skipped and
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
    v_back numeric;
    v_held holding;
    v_ids uuid[];
    v_outbox bigint[];
    v_early boolean;
    v_margin uuid[];
    v_lends boolean;
    v_aside numeric;
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
