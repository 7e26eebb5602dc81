-- The second wall: whatever a statement of the web process asks for, it sees and changes rows of one person only. Every
-- query names its caller; these policies hold where one forgets to. `starkmatter.actor` is set by the pool of the web
-- process to the id of the person it works for, or to nothing for nobody. The worker and the operator do not set it.
CREATE FUNCTION acts_for_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('starkmatter.actor', true) IS NULL;

CREATE FUNCTION acting_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('starkmatter.actor', true), '')::uuid;

-- Asked row by row and only of who works for somebody: a subquery in a policy would be set up by every statement of the
-- worker's too. Bodies are standard SQL, bound to their tables when made: a backup reads with an empty search path.
CREATE FUNCTION is_shared(p_account uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM account_share WHERE account_id = p_account AND user_id = acting_person());

CREATE FUNCTION sees_account(p_account uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM account WHERE id = p_account);

CREATE FUNCTION changes_account(p_account uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM account WHERE id = p_account
                  AND (user_id = acting_person() OR may_trade(id, acting_person())));

CREATE FUNCTION sees_order(p_order uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM trade_order WHERE id = p_order);

CREATE FUNCTION changes_order(p_order uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM trade_order WHERE id = p_order AND changes_account(account_id));

CREATE FUNCTION sees_chat(p_chat uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM chat WHERE id = p_chat);

-- What belongs to one person.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['alert', 'alert_event', 'mail_outbox', 'mail_choice'] LOOP
        EXECUTE format('CREATE POLICY own ON %I USING (acts_for_all() OR user_id = acting_person())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['chat', 'ai_call', 'order_proposal'] LOOP
        EXECUTE format('CREATE POLICY own ON %I USING (acts_for_all() OR owner_id = acting_person())', t);
    END LOOP;
END $$;

CREATE POLICY own ON chat_message USING (acts_for_all() OR sees_chat(chat_id));

-- The keys of the installation serve everybody, sealed as they are; a person's serve that person.
CREATE POLICY own ON vault_secret USING (acts_for_all() OR owner_id IS NULL OR owner_id = acting_person());

CREATE POLICY own ON account_share
 USING (acts_for_all() OR shared_by = acting_person() OR user_id = acting_person())
 WITH CHECK (acts_for_all() OR shared_by = acting_person());

-- Accounts and all that hangs on them: their owner's, and by degrees theirs whom the owner lets in.
CREATE POLICY see ON account FOR SELECT USING (acts_for_all() OR user_id = acting_person() OR is_shared(id));

CREATE POLICY change ON account
 USING (acts_for_all() OR user_id = acting_person() OR may_trade(id, acting_person()));

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['trade_order', 'fill', 'holding', 'ledger_entry', 'equity_snapshot', 'broker_account',
                             'broker_activity'] LOOP
        EXECUTE format('CREATE POLICY see ON %I FOR SELECT USING (acts_for_all() OR sees_account(account_id))', t);
        EXECUTE format('CREATE POLICY change ON %I USING (acts_for_all() OR changes_account(account_id))', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['order_event', 'outbox', 'broker_order'] LOOP
        EXECUTE format('CREATE POLICY see ON %I FOR SELECT USING (acts_for_all() OR sees_order(order_id))', t);
        EXECUTE format('CREATE POLICY change ON %I USING (acts_for_all() OR changes_order(order_id))', t);
    END LOOP;
END $$;
