-- New orders, whoever writes them: none on an account that is held elsewhere, and on a live one only what was allowed.
CREATE FUNCTION check_new_orders() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_order trade_order;
BEGIN
    IF NOT EXISTS (
        SELECT FROM added n JOIN account a ON a.id = n.account_id
         WHERE n.status <> 'risk_rejected' AND (a.broker = 'tracked' OR a.mode = 'live')
    ) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM added n JOIN account a ON a.id = n.account_id
         WHERE n.status <> 'risk_rejected' AND a.broker = 'tracked'
    ) THEN
        RAISE EXCEPTION 'a tracked account is held elsewhere: nothing is traded on it here'
              USING ERRCODE = 'restrict_violation';
    END IF;
    FOR v_order IN
        SELECT n.* FROM added n JOIN account a ON a.id = n.account_id
         WHERE n.status <> 'risk_rejected' AND a.mode = 'live'
    LOOP
        PERFORM allow_live_order(v_order);
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER trade_order_checked AFTER INSERT ON trade_order REFERENCING NEW TABLE AS added
   FOR EACH STATEMENT EXECUTE FUNCTION check_new_orders();

-- Every entry balances by itself, per commodity: an entry's own id keeps its legs apart from those of the others.
CREATE FUNCTION check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_commodity text;
    v_sum numeric;
BEGIN
    IF EXISTS (
        SELECT FROM added e
         WHERE cardinality(e.amounts) < 2 OR cardinality(e.amounts) <> cardinality(e.commodities)
            OR cardinality(e.amounts) <> cardinality(e.accounts)
    ) THEN
        RAISE EXCEPTION 'a ledger entry needs at least two complete legs' USING ERRCODE = 'check_violation';
    END IF;
    SELECT leg.commodity, sum(leg.amount) INTO v_commodity, v_sum
      FROM added e, unnest(e.commodities, e.amounts) AS leg (commodity, amount)
     GROUP BY e.id, leg.commodity HAVING sum(leg.amount) <> 0 OR sum(leg.amount) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry does not balance: % is off by %', v_commodity, v_sum
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_balanced AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added
   FOR EACH STATEMENT EXECUTE FUNCTION check_balanced();
