-- Orders of real money in groups and with conditions, and what one account may order a day in all.

-- What an order asks for, in one form; its group and its condition only where it has them. The quantity of an order by an
-- amount of money is only what the newest price makes of the amount.
CREATE OR REPLACE FUNCTION order_terms(p trade_order) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'account', p.account_id, 'symbol', p.symbol, 'side', p.side, 'type', p.type,
        'qty', CASE WHEN p.notional IS NULL THEN p.qty END, 'notional', p.notional, 'limit_price', p.limit_price,
        'stop_price', CASE WHEN p.type <> 'trailing_stop' THEN p.stop_price END, 'trail_amount', p.trail_amount,
        'trail_percent', p.trail_percent, 'time_in_force', p.time_in_force, 'expires_on', p.expires_on,
        'extended_hours', coalesce(p.extended_hours, false), 'allow_short', coalesce(p.allow_short, false))
        || jsonb_strip_nulls(jsonb_build_object(
        'group', p.group_id, 'role', p.role, 'cond_symbol', p.cond_symbol, 'cond_relation', p.cond_relation,
        'cond_price', p.cond_price))
$$;

-- Keeps the ticket that the person sees, with every order of its group, so that a factor given after that may count for
-- it, and for nothing else. Asked again it is a new question: what was proven before does not answer it.
CREATE OR REPLACE FUNCTION ask_live(p_item jsonb, p_user uuid, p_session uuid)
RETURNS TABLE (asked_at timestamptz, price numeric)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_row trade_order := jsonb_populate_record(NULL::trade_order, p_item - 'request_hash');
    v_hash bytea := decode(p_item->>'request_hash', 'hex');
    v_now timestamptz := clock_timestamp();
    v_legs jsonb := '{}';
BEGIN
    IF jsonb_typeof(p_item->'legs') = 'array' THEN
        v_row.group_id := v_row.id;
        v_legs := jsonb_build_object('legs', p_item->'legs');
    END IF;
    RETURN QUERY
    INSERT INTO live_approval AS a (order_id, account_id, user_id, session_id, terms, ticket_hash, reference_price, asked_at)
    VALUES (v_row.id, v_row.account_id, p_user, p_session, order_terms(v_row) || v_legs, v_hash,
            (p_item->'risk'->>'reference_price')::numeric, v_now)
        ON CONFLICT (order_id) DO UPDATE
       SET session_id = p_session, terms = excluded.terms, ticket_hash = excluded.ticket_hash,
           reference_price = excluded.reference_price, asked_at = v_now, approved_at = NULL, valid_until = NULL
     WHERE a.user_id = p_user AND a.used_at IS NULL
    RETURNING a.asked_at, a.reference_price;
END $$;

-- What was ordered for real money in the account since midnight in New York: what an order that is open may move, and what
-- an ended one moved. The other orders of a group sell what its first bought, and count with it.
CREATE FUNCTION live_ordered_today(p_account uuid) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(CASE
               WHEN o.status IN ('filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent') THEN o.filled_value
               ELSE greatest(p.worth, o.filled_value) END), 0)
      FROM live_permit p JOIN trade_order o ON o.id = p.order_id
     WHERE p.account_id = p_account AND (o.group_id IS NULL OR o.group_id = o.id)
       AND p.allowed_at >= date_trunc('day', clock_timestamp() AT TIME ZONE 'America/New_York')
                           AT TIME ZONE 'America/New_York'
$$;

-- Why the owner's rule about a day's real money does not take this order, in words; null when it does. Orders that only
-- reduce a position are the way out, and always taken. Whoever stores an order holds the account's row lock.
CREATE FUNCTION live_day_words(
    p_account uuid, p_symbol text, p_side text, p_qty numeric, p_order uuid, p_worth numeric
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_account account;
    v_most numeric;
    v_used numeric;
BEGIN
    SELECT * INTO v_account FROM account WHERE id = p_account;
    SELECT value INTO v_most FROM rules_in_force(p_account, v_account.user_id) WHERE kind = 'live_per_day';
    IF v_most IS NULL OR only_reduces(p_account, p_symbol, p_side, p_qty, p_order) THEN
        RETURN NULL;
    END IF;
    v_used := live_ordered_today(p_account);
    IF p_worth IS NULL THEN
        RETURN format('Your rules allow %s of real money a day, and without a price nobody knows what this order moves.',
                      money_words(v_most, v_account.currency));
    ELSIF v_used + p_worth > v_most THEN
        RETURN format('Your rules allow %s of real money a day: %s are ordered, and this order may move %s.',
                      money_words(v_most, v_account.currency), money_words(v_used, v_account.currency),
                      money_words(p_worth, v_account.currency));
    END IF;
    RETURN NULL;
END $$;

-- Another order of a group, stored in the same breath as its first: only one that was shown with it, and leaves what that
-- one opens.
CREATE FUNCTION allow_live_leg(p trade_order) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_first trade_order;
    v_permit live_permit;
BEGIN
    SELECT * INTO v_first FROM trade_order
     WHERE id = p.group_id AND group_id = id AND account_id = p.account_id AND symbol = p.symbol
       AND request_hash = p.request_hash AND placed_by = p.placed_by AND status = 'pending_submit';
    SELECT * INTO v_permit FROM live_permit
     WHERE order_id = v_first.id AND terms = order_terms(v_first) AND allowed_at >= transaction_timestamp();
    IF v_permit.order_id IS NULL OR p.status <> 'pending_submit' OR p.qty <> v_first.qty
       OR (CASE p.role WHEN 'target' THEN v_first.role <> 'entry' OR p.type <> 'limit'
                       WHEN 'stop' THEN v_first.role = 'stop' OR p.type NOT IN ('stop', 'stop_limit') ELSE true END)
       OR (p.side = v_first.side) IS DISTINCT FROM (v_first.role = 'target')
       OR EXISTS (SELECT FROM trade_order o WHERE o.group_id = p.group_id AND o.role = p.role AND o.id <> p.id) THEN
        RAISE EXCEPTION 'An order of real money goes out alone or in the group it was shown in. Nothing was ordered.'
              USING ERRCODE = 'SM001';
    END IF;
    IF v_permit.with_factor AND NOT EXISTS (
        SELECT FROM live_approval a, jsonb_array_elements(a.terms->'legs') AS leg
         WHERE a.order_id = v_first.id AND a.used_at IS NOT NULL AND (leg->>'id')::uuid = p.id
           AND leg->>'role' = p.role AND leg->>'side' = p.side AND leg->>'type' = p.type
           AND (leg->>'qty')::numeric = p.qty AND leg->>'time_in_force' = p.time_in_force
           AND (leg->>'limit_price')::numeric IS NOT DISTINCT FROM p.limit_price
           AND (leg->>'stop_price')::numeric IS NOT DISTINCT FROM p.stop_price
    ) THEN
        RAISE EXCEPTION 'This order of real money was not confirmed with a second factor. Nothing was ordered.'
              USING ERRCODE = 'SM001';
    END IF;
    INSERT INTO live_permit (order_id, account_id, terms, worth, most, with_factor, allowed_at)
    VALUES (p.id, p.account_id, order_terms(p), 0, v_permit.most, v_permit.with_factor, clock_timestamp());
END $$;

-- An order of a live account is stored only when all of this holds, whoever writes it.
CREATE OR REPLACE FUNCTION allow_live_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_owner uuid;
    v_live live_trading;
    v_most numeric;
    v_worth numeric;
    v_asked boolean;
    v_words text;
BEGIN
    SELECT user_id INTO v_owner FROM account WHERE id = NEW.account_id AND mode = 'live';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_live FROM live_trading WHERE account_id = NEW.account_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Live trading is off for this account. Nothing was ordered.' USING ERRCODE = 'SM001';
    END IF;
    IF NEW.placed_by IS DISTINCT FROM v_owner OR (NEW.risk->>'via') IS DISTINCT FROM 'session' THEN
        RAISE EXCEPTION 'Orders of real money are sent by the account''s owner, signed in. Nothing was ordered.'
              USING ERRCODE = 'SM001';
    END IF;
    IF NEW.group_id <> NEW.id THEN
        PERFORM allow_live_leg(NEW);
        RETURN NULL;
    END IF;
    IF NEW.held AND NEW.cond_symbol IS NULL OR NEW.role = 'stop' THEN
        RAISE EXCEPTION 'An order of real money is sent at once, or waits for a price that it names. Nothing was ordered.'
              USING ERRCODE = 'SM001';
    END IF;
    IF NEW.status <> 'pending_submit' THEN
        RAISE EXCEPTION 'An order of real money begins before it is sent. Nothing was ordered.' USING ERRCODE = 'SM001';
    END IF;
    v_most := live_limit(v_live);
    v_worth := order_worth(NEW);
    -- Whoever orders for this account at the same time waits here, and then counts this order.
    PERFORM FROM account WHERE id = NEW.account_id FOR NO KEY UPDATE;
    v_words := live_day_words(NEW.account_id, NEW.symbol, NEW.side, NEW.qty, NEW.id, v_worth);
    IF v_words IS NOT NULL THEN
        RAISE EXCEPTION '% Nothing was ordered.', v_words USING ERRCODE = 'SM001';
    END IF;
    v_asked := v_worth IS NULL OR v_worth > v_most;
    IF v_asked THEN
        UPDATE live_approval SET used_at = clock_timestamp()
         WHERE order_id = NEW.id AND account_id = NEW.account_id AND user_id = v_owner AND used_at IS NULL
           AND terms - 'legs' = order_terms(NEW) AND ticket_hash = NEW.request_hash AND valid_until >= clock_timestamp();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'This order of real money was not confirmed with a second factor. Nothing was ordered.'
                  USING ERRCODE = 'SM001';
        END IF;
    END IF;
    INSERT INTO live_permit (order_id, account_id, terms, worth, most, with_factor, allowed_at)
    VALUES (NEW.id, NEW.account_id, order_terms(NEW), v_worth, v_most, v_asked, clock_timestamp());
    RETURN NULL;
END $$;

DROP TRIGGER trade_order_live_guarded ON trade_order;

CREATE TRIGGER trade_order_live_guarded BEFORE UPDATE ON trade_order
   FOR EACH ROW WHEN (
       (NEW.status IS DISTINCT FROM OLD.status AND (NEW.status = 'submitting' OR OLD.status = 'risk_rejected'))
       OR (NEW.id, NEW.account_id, NEW.symbol, NEW.side, NEW.type, NEW.qty, NEW.notional, NEW.limit_price, NEW.stop_price,
           NEW.trail_amount, NEW.trail_percent, NEW.time_in_force, NEW.expires_on, NEW.extended_hours, NEW.allow_short,
           NEW.group_id, NEW.role, NEW.cond_symbol, NEW.cond_relation, NEW.cond_price)
          IS DISTINCT FROM
          (OLD.id, OLD.account_id, OLD.symbol, OLD.side, OLD.type, OLD.qty, OLD.notional, OLD.limit_price, OLD.stop_price,
           OLD.trail_amount, OLD.trail_percent, OLD.time_in_force, OLD.expires_on, OLD.extended_hours, OLD.allow_short,
           OLD.group_id, OLD.role, OLD.cond_symbol, OLD.cond_relation, OLD.cond_price)
   ) EXECUTE FUNCTION guard_live_order();
