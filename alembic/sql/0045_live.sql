-- Orders of real money: nothing of a live account is stored or sent that was not allowed. All by the database's clock.

-- What an order asks for, in one form. The quantity of an order by an amount of money is only what the newest price makes
-- of the amount.
CREATE FUNCTION order_terms(p trade_order) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'account', p.account_id, 'symbol', p.symbol, 'side', p.side, 'type', p.type,
        'qty', CASE WHEN p.notional IS NULL THEN p.qty END, 'notional', p.notional, 'limit_price', p.limit_price,
        'stop_price', CASE WHEN p.type <> 'trailing_stop' THEN p.stop_price END, 'trail_amount', p.trail_amount,
        'trail_percent', p.trail_percent, 'time_in_force', p.time_in_force, 'expires_on', p.expires_on,
        'extended_hours', coalesce(p.extended_hours, false), 'allow_short', coalesce(p.allow_short, false))
$$;

-- The most that the order may move, for its owner's limit; null when nobody knows.
CREATE FUNCTION order_worth(p trade_order) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(p.notional, p.qty * CASE WHEN (p.risk->>'reference_price') IS NOT NULL THEN
        greatest((p.risk->>'reference_price')::numeric, p.limit_price, p.stop_price) END)
$$;

-- Uses up the second factor that the session saw after `p_after` and within two minutes: when that was, null when there
-- is none. One proof counts once.
CREATE FUNCTION take_factor(p_session uuid, p_user uuid, p_after timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz;
BEGIN
    SELECT factor_at INTO v_at FROM user_session
     WHERE id = p_session AND user_id = p_user AND revoked_at IS NULL FOR UPDATE;
    IF v_at IS NULL OR v_at <= p_after OR v_at < clock_timestamp() - interval '120 seconds' THEN
        RETURN NULL;
    END IF;
    UPDATE user_session SET factor_at = NULL WHERE id = p_session;
    RETURN v_at;
END $$;

-- Live trading of an account, turned on by its owner. False without the factor; an account where it is on stays as it is.
CREATE FUNCTION turn_on_live(p_account uuid, p_user uuid, p_session uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz;
BEGIN
    PERFORM FROM account WHERE id = p_account AND user_id = p_user AND mode = 'live' AND closed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM live_trading WHERE account_id = p_account) THEN
        RETURN true;
    END IF;
    v_at := take_factor(p_session, p_user, '-infinity');
    IF v_at IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since)
    VALUES (p_account, p_user, v_at, clock_timestamp());
    RETURN true;
END $$;

CREATE FUNCTION check_live_trading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM account
                    WHERE id = NEW.account_id AND user_id = NEW.turned_on_by AND mode = 'live') THEN
        RAISE EXCEPTION 'Only its owner turns live trading on, for an account of real money.' USING ERRCODE = 'SM001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER live_trading_is_the_owners BEFORE INSERT OR UPDATE ON live_trading
   FOR EACH ROW EXECUTE FUNCTION check_live_trading();

-- The limit under which no factor is asked: what is lower counts at once, what is higher after a day.
CREATE FUNCTION live_limit(p live_trading) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p.raises_at <= clock_timestamp() THEN p.raises_to ELSE p.most END
$$;

CREATE FUNCTION set_live_limit(p_account uuid, p_user uuid, p_most numeric) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE live_trading l
       SET most = least(live_limit(l), p_most),
           raises_to = CASE WHEN p_most > live_limit(l) THEN p_most END,
           raises_at = CASE WHEN p_most > live_limit(l) THEN clock_timestamp() + interval '24 hours' END
     WHERE account_id = p_account AND turned_on_by = p_user;
    RETURN FOUND;
END $$;

-- Keeps the ticket that the person sees, so that a factor given after that may count for it, and for nothing else. Asked
-- again it is a new question: what was proven before does not answer it.
CREATE FUNCTION ask_live(p_item jsonb, p_user uuid, p_session uuid) RETURNS TABLE (asked_at timestamptz, price numeric)
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

-- Binds the factor to the very ticket that was asked about, for two minutes.
CREATE FUNCTION approve_live(p_order uuid, p_user uuid, p_session uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_asked timestamptz;
    v_approved timestamptz;
    v_now timestamptz := clock_timestamp();
BEGIN
    SELECT asked_at, approved_at INTO v_asked, v_approved FROM live_approval
     WHERE order_id = p_order AND user_id = p_user AND session_id = p_session AND used_at IS NULL
       AND coalesce(valid_until, asked_at + interval '120 seconds') >= v_now FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF v_approved IS NOT NULL THEN
        RETURN true;
    END IF;
    IF take_factor(p_session, p_user, v_asked) IS NULL THEN
        RETURN false;
    END IF;
    UPDATE live_approval SET approved_at = v_now, valid_until = v_now + interval '120 seconds' WHERE order_id = p_order;
    RETURN true;
END $$;

-- An order of a live account is stored only when all of this holds, whoever writes it.
CREATE FUNCTION allow_live_order() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER trade_order_live_allowed AFTER INSERT ON trade_order
   FOR EACH ROW WHEN (NEW.status <> 'risk_rejected') EXECUTE FUNCTION allow_live_order();

-- Why an order of a live account may not be sent now, in words; null when it may.
CREATE FUNCTION live_words(p_order uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM live_trading l WHERE l.account_id = o.account_id) THEN
             'Live trading was turned off for this account: it was not sent.'
        WHEN NOT EXISTS (SELECT FROM live_permit p
                          WHERE p.order_id = o.id AND p.account_id = o.account_id AND p.terms = order_terms(o)) THEN
             'This order of real money was never allowed: it was not sent.'
    END FROM trade_order o JOIN account a ON a.id = o.account_id WHERE o.id = p_order AND a.mode = 'live'
$$;

-- What was refused stays refused, what was allowed stays what it was, and what is sent is looked at once more.
CREATE FUNCTION guard_live_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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

CREATE TRIGGER trade_order_live_guarded BEFORE UPDATE ON trade_order
   FOR EACH ROW WHEN (
       (NEW.status IS DISTINCT FROM OLD.status AND (NEW.status = 'submitting' OR OLD.status = 'risk_rejected'))
       OR (NEW.id, NEW.account_id, NEW.symbol, NEW.side, NEW.type, NEW.qty, NEW.notional, NEW.limit_price, NEW.stop_price,
           NEW.trail_amount, NEW.trail_percent, NEW.time_in_force, NEW.expires_on, NEW.extended_hours, NEW.allow_short)
          IS DISTINCT FROM
          (OLD.id, OLD.account_id, OLD.symbol, OLD.side, OLD.type, OLD.qty, OLD.notional, OLD.limit_price, OLD.stop_price,
           OLD.trail_amount, OLD.trail_percent, OLD.time_in_force, OLD.expires_on, OLD.extended_hours, OLD.allow_short)
   ) EXECUTE FUNCTION guard_live_order();

CREATE FUNCTION refuse_other_mode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Whether an account is of paper or of real money is fixed when it is opened.'
          USING ERRCODE = 'SM001';
END $$;

CREATE TRIGGER account_mode_is_fixed BEFORE UPDATE OF mode ON account
   FOR EACH ROW WHEN (NEW.mode IS DISTINCT FROM OLD.mode) EXECUTE FUNCTION refuse_other_mode();
