-- Who sees and changes switches and rules (see 0015_walls.sql). Whoever trades on somebody's account sees what binds it.
CREATE FUNCTION sees_accounts_of(p_user uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM account WHERE user_id = p_user);

CREATE FUNCTION is_an_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (SELECT FROM app_user WHERE id = acting_person() AND role IN ('owner', 'admin'));

CREATE POLICY see ON trading_stop FOR SELECT USING (
    acts_for_all() OR (user_id IS NULL AND account_id IS NULL) OR user_id = acting_person() OR sees_account(account_id)
    OR sees_accounts_of(user_id));
CREATE POLICY change ON trading_stop USING (
    acts_for_all() OR user_id = acting_person() OR changes_account(account_id)
    OR (user_id IS NULL AND account_id IS NULL AND is_an_admin()));

CREATE POLICY see ON trading_rule FOR SELECT USING (
    acts_for_all() OR user_id = acting_person() OR sees_account(account_id)
    OR (account_id IS NULL AND sees_accounts_of(user_id)));
CREATE POLICY change ON trading_rule USING (acts_for_all() OR user_id = acting_person());

ALTER TABLE trading_stop ENABLE ROW LEVEL SECURITY;
ALTER TABLE trading_stop FORCE ROW LEVEL SECURITY;
ALTER TABLE trading_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE trading_rule FORCE ROW LEVEL SECURITY;
