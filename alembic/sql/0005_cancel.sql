-- Asks for a cancel, also of an order that is on its way to a broker or whose fate there is not known.
CREATE OR REPLACE FUNCTION request_cancel(p_order uuid, p_user uuid, p_venue_at timestamptz, p_now timestamptz)
RETURNS TABLE (outcome text, stored trade_order) LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
BEGIN
    SELECT o.* INTO v_order FROM trade_order o JOIN account a ON a.id = o.account_id
     WHERE o.id = p_order AND a.user_id = p_user FOR UPDATE OF o;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v_order.status = 'pending_submit' THEN
        -- Not handed to any broker yet: it ends here, and the worker finds nothing to send.
        PERFORM move_order(p_order, ARRAY['not_sent'], ARRAY['pending_submit'], 'Canceled before it was sent.',
                           p_venue_at, p_now);
        DELETE FROM outbox WHERE order_id = p_order;
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
