-- What holds for every order as it is stored, whoever writes it. One condition of the table asks here instead of seven:
-- the text of a condition is read anew by every statement that writes a row, this function once in a connection.
CREATE FUNCTION order_is_sound(
    p_status text, p_qty numeric, p_filled_qty numeric, p_type text, p_limit_price numeric, p_stop_price numeric,
    p_trail_amount numeric, p_trail_percent numeric, p_group_id uuid, p_role text, p_cond_symbol text,
    p_cond_relation text, p_cond_price numeric
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_broken text;
BEGIN
    -- As with a condition of the table: what is not known to be wrong passes.
    v_broken := CASE
        WHEN NOT (p_filled_qty >= 0 AND p_filled_qty <= p_qty) THEN 'trade_order_filled_within_qty'
        WHEN NOT ((p_group_id IS NULL) = (p_role IS NULL)
                  AND (p_role IS NULL OR p_role IN ('entry', 'target', 'stop'))) THEN 'trade_order_group_has_roles'
        WHEN NOT (num_nonnulls(p_cond_symbol, p_cond_relation, p_cond_price) IN (0, 3)) THEN
             'trade_order_condition_is_whole'
        WHEN p_status = 'risk_rejected' THEN NULL
        WHEN NOT (p_qty > 0) THEN 'trade_order_qty_positive'
        WHEN NOT ((p_type IN ('limit', 'stop_limit')) = (p_limit_price IS NOT NULL)) THEN
             'trade_order_limit_price_fits_type'
        WHEN NOT (p_type = 'trailing_stop' OR (p_type IN ('stop', 'stop_limit')) = (p_stop_price IS NOT NULL)) THEN
             'trade_order_stop_price_fits_type'
        WHEN NOT ((p_type = 'trailing_stop') = (num_nonnulls(p_trail_amount, p_trail_percent) = 1)) THEN
             'trade_order_trail_fits_type'
    END;
    IF v_broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row for relation "trade_order" violates check constraint "%"', v_broken
              USING ERRCODE = 'check_violation', TABLE = 'trade_order', CONSTRAINT = v_broken;
    END IF;
    RETURN true;
END $$;
