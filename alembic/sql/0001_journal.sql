-- The journal balances per entry and commodity, and nothing in it is ever changed or removed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: book a reversing entry instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_commodity text;
    v_sum numeric;
BEGIN
    IF cardinality(NEW.amounts) < 2 OR cardinality(NEW.amounts) <> cardinality(NEW.commodities)
       OR cardinality(NEW.amounts) <> cardinality(NEW.accounts) THEN
        RAISE EXCEPTION 'a ledger entry needs at least two complete legs' USING ERRCODE = 'check_violation';
    END IF;
    SELECT leg.commodity, sum(leg.amount) INTO v_commodity, v_sum
      FROM unnest(NEW.commodities, NEW.amounts) AS leg (commodity, amount)
     GROUP BY leg.commodity HAVING sum(leg.amount) <> 0 OR sum(leg.amount) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry does not balance: % is off by %', v_commodity, v_sum
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE VIEW ledger_posting AS
SELECT e.id AS entry_id, leg.line, e.account_id, leg.account, leg.commodity, leg.amount, e.kind, e.venue_at, e.booked_at
  FROM ledger_entry e,
       unnest(e.accounts, e.commodities, e.amounts) WITH ORDINALITY AS leg (account, commodity, amount, line);
