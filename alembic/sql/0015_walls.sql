-- The second wall: whatever a statement of the web process asks for, it sees and changes rows of one person only. Every
-- query names its caller; these policies hold where one forgets to. `starkmatter.actor` is set by the pool of the web
-- process to the id of the person it works for, or to nothing for nobody. The worker and the operator do not set it.
CREATE FUNCTION acts_for_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('starkmatter.actor', true) IS NULL;

CREATE FUNCTION acting_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('starkmatter.actor', true), '')::uuid;

-- What belongs to one person.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['alert', 'alert_event', 'mail_outbox', 'mail_choice'] LOOP
        EXECUTE format('CREATE POLICY own ON %I USING ((SELECT acts_for_all()) OR user_id = (SELECT acting_person()))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['chat', 'ai_call', 'order_proposal'] LOOP
        EXECUTE format('CREATE POLICY own ON %I USING ((SELECT acts_for_all()) OR owner_id = (SELECT acting_person()))', t);
    END LOOP;
END $$;

CREATE POLICY own ON chat_message
 USING ((SELECT acts_for_all()) OR EXISTS (SELECT FROM chat c WHERE c.id = chat_id));

-- The keys of the installation serve everybody, sealed as they are; a person's serve that person.
CREATE POLICY own ON vault_secret
 USING ((SELECT acts_for_all()) OR owner_id IS NULL OR owner_id = (SELECT acting_person()));

CREATE POLICY own ON account_share
 USING ((SELECT acts_for_all()) OR shared_by = (SELECT acting_person()) OR user_id = (SELECT acting_person()))
 WITH CHECK ((SELECT acts_for_all()) OR shared_by = (SELECT acting_person()));

-- Accounts and all that hangs on them: their owner's, and by degrees theirs whom the owner lets in.
CREATE POLICY see ON account FOR SELECT
 USING ((SELECT acts_for_all()) OR user_id = (SELECT acting_person())
        OR EXISTS (SELECT FROM account_share s WHERE s.account_id = id AND s.user_id = (SELECT acting_person())));

CREATE POLICY change ON account
 USING ((SELECT acts_for_all()) OR user_id = (SELECT acting_person()) OR may_trade(id, (SELECT acting_person())));

CREATE FUNCTION changeable_accounts() RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM account WHERE user_id = acting_person() OR may_trade(id, acting_person())
$$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['trade_order', 'fill', 'holding', 'ledger_entry', 'equity_snapshot', 'broker_account',
                             'broker_activity'] LOOP
        EXECUTE format('CREATE POLICY see ON %I FOR SELECT
                         USING ((SELECT acts_for_all()) OR account_id IN (SELECT id FROM account))', t);
        EXECUTE format('CREATE POLICY change ON %I
                         USING ((SELECT acts_for_all()) OR account_id IN (SELECT changeable_accounts()))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['order_event', 'outbox', 'broker_order'] LOOP
        EXECUTE format('CREATE POLICY see ON %I FOR SELECT
                         USING ((SELECT acts_for_all()) OR EXISTS (SELECT FROM trade_order o WHERE o.id = order_id))', t);
        EXECUTE format('CREATE POLICY change ON %I
                         USING ((SELECT acts_for_all()) OR EXISTS (SELECT FROM trade_order o
                                 WHERE o.id = order_id AND o.account_id IN (SELECT changeable_accounts())))', t);
    END LOOP;
END $$;
