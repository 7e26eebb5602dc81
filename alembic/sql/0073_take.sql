CREATE OR REPLACE FUNCTION take_plain_orders(p_batch jsonb, p_now timestamptz) RETURNS uuid[] LANGUAGE plpgsql AS $$
-- Of a batch, the first order of each account, when it is a plain purchase that the account pays: judged and stored by
-- one statement. Whatever is not plain is left to whoever asks.
DECLARE
    v_taken uuid[];
    v_stored int;
    v_told int;
BEGIN
    PERFORM 1 FROM account a
      JOIN jsonb_to_recordset(p_batch) AS r (account_id uuid, user_id uuid) ON a.id = r.account_id
     WHERE a.user_id = r.user_id OR may_trade(a.id, r.user_id) ORDER BY a.id FOR NO KEY UPDATE OF a;
    WITH told AS MATERIALIZED (
        SELECT r.* FROM ROWS FROM (jsonb_to_recordset(p_batch) AS (
            id uuid, account_id uuid, user_id uuid, venue text, symbol text, side text, type text, qty numeric,
            limit_price numeric, time_in_force text, session_on date, reserve numeric, reserve_per_share numeric,
            request_hash text, risk jsonb, refusal text, venue_at timestamptz, stop_price numeric, trail_amount numeric,
            trail_percent numeric, notional numeric, expires_on date, extended_hours boolean, held boolean,
            shared_qty numeric, cond_symbol text, cond_relation text, cond_price numeric, legs jsonb, cautions boolean,
            allow_short boolean, words text
        )) WITH ORDINALITY AS r (
            id, account_id, user_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on, reserve,
            reserve_per_share, request_hash, risk, refusal, venue_at, stop_price, trail_amount, trail_percent, notional,
            expires_on, extended_hours, held, shared_qty, cond_symbol, cond_relation, cond_price, legs, cautions,
            allow_short, words, place
        )
    ), first AS (
        SELECT DISTINCT ON (t.account_id) t.id, t.account_id, t.user_id, t.venue, t.side, t.refusal, t.legs, t.reserve,
               t.cautions, t.venue_at FROM told t ORDER BY t.account_id, t.place
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
    ), stored AS (
        INSERT INTO trade_order (
            id, account_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on, status, sequence,
            filled_qty, filled_value, reserved, reserve_per_share, request_hash, risk, submitted_venue_at, created_at,
            updated_at, placed_by, stop_price, trail_amount, trail_percent, notional, expires_on, extended_hours, held,
            shared_qty, cond_symbol, cond_relation, cond_price, allow_short, opens
        )
        SELECT t.id, t.account_id, t.venue, t.symbol, t.side, t.type, t.qty, t.limit_price, t.time_in_force,
               t.session_on, 'pending_submit', 1, 0, 0, t.reserve, t.reserve_per_share, decode(t.request_hash, 'hex'),
               t.risk, t.venue_at, p_now, p_now, t.user_id, t.stop_price, t.trail_amount, t.trail_percent, t.notional,
               t.expires_on, coalesce(t.extended_hours, false), coalesce(t.held, false), t.shared_qty, t.cond_symbol,
               t.cond_relation, t.cond_price, coalesce(t.allow_short, false), false
          FROM told t JOIN taken USING (id) ON CONFLICT (id) DO NOTHING
     RETURNING id
    ), stepped AS (
        INSERT INTO order_event (order_id, sequence, status, reason, venue_at, booked_at)
        SELECT t.id, 1, 'pending_submit', t.words, t.venue_at, p_now FROM told t JOIN stored USING (id)
         WHERE (SELECT count(*) FROM told JOIN taken USING (id)) = (SELECT count(*) FROM stored)
    ), sent AS (
        INSERT INTO outbox (kind, order_id, venue, created_at)
        SELECT CASE WHEN t.held THEN 'wait' ELSE 'submit' END, t.id, t.venue, p_now
          FROM told t JOIN stored USING (id) ORDER BY t.place
    )
    SELECT coalesce(array_agg(t.id), '{}'), (SELECT count(*) FROM stored),
           (SELECT count(*) FROM told JOIN taken USING (id))
      INTO v_taken, v_stored, v_told FROM taken t;
    IF v_stored <> cardinality(v_taken) OR v_stored <> v_told THEN
        RAISE EXCEPTION 'one key of the batch is used twice: its orders are taken one by one';
    END IF;
    RETURN v_taken;
END $$;
