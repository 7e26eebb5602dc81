-- As 0045_live.sql had them, for the way back.
CREATE OR REPLACE FUNCTION order_terms(p trade_order) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'account', p.account_id, 'symbol', p.symbol, 'side', p.side, 'type', p.type,
        'qty', CASE WHEN p.notional IS NULL THEN p.qty END, 'notional', p.notional, 'limit_price', p.limit_price,
        'stop_price', CASE WHEN p.type <> 'trailing_stop' THEN p.stop_price END, 'trail_amount', p.trail_amount,
        'trail_percent', p.trail_percent, 'time_in_force', p.time_in_force, 'expires_on', p.expires_on,
        'extended_hours', coalesce(p.extended_hours, false), 'allow_short', coalesce(p.allow_short, false))
$$;

CREATE OR REPLACE FUNCTION ask_live(p_item jsonb, p_user uuid, p_session uuid) RETURNS TABLE (asked_at timestamptz, price numeric)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_row trade_order := jsonb_populate_record(NULL::trade_order, p_item - 'request_hash');
    v_hash bytea := decode(p_item->>'request_hash', 'hex');
    v_now timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    INSERT INTO live_approval AS a (order_id, account_id, user_id, session_id, terms, ticket_hash, reference_price, asked_at)
    VALUES (v_row.id, v_row.account_id, p_user, p_session, order_terms(v_row), v_hash,
            (p_item->'risk'->>'reference_price')::numeric, v_now)
        ON CONFLICT (order_id) DO UPDATE
       SET session_id = p_session, terms = excluded.terms, ticket_hash = excluded.ticket_hash,
           reference_price = excluded.reference_price, asked_at = v_now, approved_at = NULL, valid_until = NULL
     WHERE a.user_id = p_user AND a.used_at IS NULL
    RETURNING a.asked_at, a.reference_price;
END $$;

CREATE OR REPLACE FUNCTION allow_live_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_owner uuid;
    v_live live_trading;
    v_most numeric;
    v_worth numeric;
    v_asked boolean;
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
    IF NEW.held OR NEW.group_id IS NOT NULL THEN
        RAISE EXCEPTION 'An order of real money stands alone and is sent at once. Nothing was ordered.'
              USING ERRCODE = 'SM001';
    END IF;
    IF NEW.status <> 'pending_submit' THEN
        RAISE EXCEPTION 'An order of real money begins before it is sent. Nothing was ordered.' USING ERRCODE = 'SM001';
    END IF;
    v_most := live_limit(v_live);
    v_worth := order_worth(NEW);
    v_asked := v_worth IS NULL OR v_worth > v_most;
    IF v_asked THEN
        UPDATE live_approval SET used_at = clock_timestamp()
         WHERE order_id = NEW.id AND account_id = NEW.account_id AND user_id = v_owner AND used_at IS NULL
           AND terms = order_terms(NEW) AND ticket_hash = NEW.request_hash AND valid_until >= clock_timestamp();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'This order of real money was not confirmed with a second factor. Nothing was ordered.'
                  USING ERRCODE = 'SM001';
        END IF;
    END IF;
    INSERT INTO live_permit (order_id, account_id, terms, worth, most, with_factor, allowed_at)
    VALUES (NEW.id, NEW.account_id, order_terms(NEW), v_worth, v_most, v_asked, clock_timestamp());
    RETURN NULL;
END $$;

CREATE TRIGGER trade_order_live_guarded BEFORE UPDATE ON trade_order
   FOR EACH ROW WHEN (
       (NEW.status IS DISTINCT FROM OLD.status AND (NEW.status = 'submitting' OR OLD.status = 'risk_rejected'))
       OR (NEW.id, NEW.account_id, NEW.symbol, NEW.side, NEW.type, NEW.qty, NEW.notional, NEW.limit_price, NEW.stop_price,
           NEW.trail_amount, NEW.trail_percent, NEW.time_in_force, NEW.expires_on, NEW.extended_hours, NEW.allow_short)
          IS DISTINCT FROM
          (OLD.id, OLD.account_id, OLD.symbol, OLD.side, OLD.type, OLD.qty, OLD.notional, OLD.limit_price, OLD.stop_price,
           OLD.trail_amount, OLD.trail_percent, OLD.time_in_force, OLD.expires_on, OLD.extended_hours, OLD.allow_short)
   ) EXECUTE FUNCTION guard_live_order();
