-- What an account's own rules and switches say to an order. `account.guarded` is true where any may apply, so that an
-- order of an account without one costs nothing more: `submit_orders` asks here only for the others.

-- Whether the order only takes from the position, with every other open order on its side counted; the ways out of a
-- group take what they share once.
CREATE FUNCTION only_reduces(p_account uuid, p_symbol text, p_side text, p_qty numeric, p_order uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    WITH working AS (
        SELECT o.qty - o.filled_qty AS leaves_qty, o.group_id, o.role FROM trade_order o
         WHERE o.account_id = p_account AND o.symbol = p_symbol AND o.side = p_side AND o.id IS DISTINCT FROM p_order
           AND o.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent')
           AND (o.group_id IS NULL OR o.group_id IS DISTINCT FROM (
                    SELECT group_id FROM trade_order WHERE id = p_order AND role IN ('target', 'stop')))
    )
    SELECT p_qty > 0
           AND p_qty + coalesce((SELECT sum(leaves_qty) FROM working WHERE role IS NULL OR role = 'entry'), 0)
               + coalesce((SELECT sum(group_left(shared.group_id))
                             FROM (SELECT DISTINCT group_id FROM working WHERE role IN ('target', 'stop')) shared), 0)
           <= coalesce((SELECT CASE p_side WHEN 'sell' THEN h.signed_qty ELSE -h.signed_qty END FROM holding h
                         WHERE h.account_id = p_account AND h.symbol = p_symbol), 0)
$$;

-- Why a switch stops this order, in words; NULL when none does. The worker asks once more before it sends.
CREATE FUNCTION stop_words(p_account uuid, p_symbol text, p_side text, p_qty numeric, p_order uuid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.broker IS NOT NULL THEN format('Orders to %s are paused', initcap(s.broker))
                WHEN s.account_id IS NOT NULL THEN 'The kill switch of this account is on'
                WHEN s.user_id IS NOT NULL THEN 'The kill switch of all accounts of its owner is on'
                ELSE 'The kill switch of the whole installation is on' END
           || CASE WHEN s.allows_reducing THEN ': only orders that reduce a position are taken.'
                   ELSE ': no new orders are taken.' END
           || CASE WHEN s.reason <> '' THEN format(' Its reason: %s', s.reason) ELSE '' END
      FROM trading_stop s JOIN account a ON a.id = p_account
     WHERE (s.account_id IS NULL OR s.account_id = a.id) AND (s.user_id IS NULL OR s.user_id = a.user_id)
       AND (s.broker IS NULL OR s.broker = a.broker)
       AND NOT (s.allows_reducing AND only_reduces(p_account, p_symbol, p_side, p_qty, p_order))
     ORDER BY s.allows_reducing, s.set_at LIMIT 1
$$;

-- What binds the account now, by the database's clock: the strictest of its own rules and those for all accounts. A
-- loosening that was asked for counts from its instant on, never before.
CREATE FUNCTION rules_in_force(p_account uuid, p_user uuid) RETURNS TABLE (kind text, value numeric)
LANGUAGE sql AS $$
    SELECT r.kind, trim_scale(CASE WHEN r.kind = 'cooldown_mins' THEN max(r.value) ELSE min(r.value) END)
      FROM (SELECT t.kind, CASE WHEN t.loosens_at <= clock_timestamp() THEN t.loosens_to ELSE t.value END AS value
              FROM trading_rule t
             WHERE t.user_id = p_user AND (t.account_id IS NULL OR t.account_id = p_account)) r
     WHERE r.value IS NOT NULL GROUP BY r.kind
$$;

CREATE FUNCTION money_words(p_money numeric, p_currency text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN to_char(p_money, 'FM999,999,999,990.00') || ' ' || p_currency;

-- Every reason of the account's own why this order is not taken, one sentence each; the caller holds the account's row
-- lock, or only wants to know. `p_order` has the fields of `submit_orders`; of them `marks` (price by symbol) and
-- `day_start` (when the venue's session opened) are needed for what the account is worth: without `marks`, where a rule
-- asks for them, `needs_marks` is true and nothing is decided. Orders that only reduce a position are stopped by
-- switches alone.
CREATE FUNCTION guard_words(p_account account, p_order jsonb, OUT words text[], OUT needs_marks boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_symbol text := p_order->>'symbol';
    v_side text := p_order->>'side';
    v_price numeric := (p_order->>'price')::numeric;
    v_qty numeric := coalesce(nullif((p_order->>'qty')::numeric, 0), (p_order->>'notional')::numeric / v_price, 0);
    v_stop text;
    v_rules jsonb;
    v_count bigint;
    v_until timestamptz;
    v_held numeric;
    v_average numeric;
    v_position numeric;
    v_equity numeric;
    v_loss numeric;
BEGIN
    words := '{}';
    needs_marks := false;
    v_stop := stop_words(p_account.id, v_symbol, v_side, v_qty, (p_order->>'id')::uuid);
    IF v_stop IS NOT NULL THEN
        words := ARRAY[v_stop];
        RETURN;
    END IF;
    SELECT jsonb_object_agg(r.kind, r.value) INTO v_rules FROM rules_in_force(p_account.id, p_account.user_id) r;
    IF v_rules IS NULL OR only_reduces(p_account.id, v_symbol, v_side, v_qty, (p_order->>'id')::uuid) THEN
        RETURN;
    END IF;
    IF v_rules ?| ARRAY['loss_per_day', 'position_pct'] THEN
        IF jsonb_typeof(p_order->'marks') IS DISTINCT FROM 'object' THEN
            needs_marks := true;
            RETURN;
        END IF;
        SELECT p_account.cash + coalesce(sum(coalesce(
                   round(h.signed_qty * (p_order->'marks'->>h.symbol)::numeric, 2), h.cost_basis)), 0)
          INTO v_equity FROM holding h WHERE h.account_id = p_account.id AND h.signed_qty <> 0;
    END IF;

    IF v_rules ? 'trades_per_day' THEN
        SELECT count(*) INTO v_count FROM trade_order o
         WHERE o.account_id = p_account.id AND o.session_on = (p_order->>'session_on')::date
           AND (o.group_id IS NULL OR o.group_id = o.id) AND o.status NOT IN ('risk_rejected', 'not_sent');
        IF v_count >= (v_rules->>'trades_per_day')::numeric THEN
            words := words || format('Your rules allow %s orders a day and this would be number %s.',
                                     v_rules->>'trades_per_day', v_count + 1);
        END IF;
    END IF;
    IF v_rules ? 'loss_per_day' THEN
        SELECT coalesce((
                   SELECT s.equity - s.net_deposits FROM equity_snapshot s
                    WHERE s.account_id = p_account.id AND s.venue_at < (p_order->>'day_start')::timestamptz
                    ORDER BY s.venue_at DESC LIMIT 1), 0) + coalesce((
                   SELECT -sum(leg.amount) FROM ledger_entry e, unnest(e.accounts, e.amounts) AS leg (account, amount)
                    WHERE e.account_id = p_account.id AND e.kind IN ('deposit', 'withdrawal')
                      AND leg.account = 'equity:deposits'), 0) - v_equity
          INTO v_loss;
        IF v_loss >= (v_rules->>'loss_per_day')::numeric THEN
            words := words || format('Today has lost %s, and your rules end a day at %s.',
                                     money_words(v_loss, p_account.currency),
                                     money_words((v_rules->>'loss_per_day')::numeric, p_account.currency));
        END IF;
    END IF;
    IF v_rules ? 'cooldown_mins' THEN
        SELECT max(f.booked_at) + make_interval(mins => (v_rules->>'cooldown_mins')::int) INTO v_until
          FROM fill f WHERE f.account_id = p_account.id AND f.realized_pl < 0;
        IF v_until > clock_timestamp() THEN
            words := words || format('A sale has just lost money, and your rules have you wait %s minutes: until %s UTC.',
                                     v_rules->>'cooldown_mins', to_char(v_until AT TIME ZONE 'UTC', 'HH24:MI:SS'));
        END IF;
    END IF;

    SELECT h.signed_qty, h.cost_basis / nullif(h.signed_qty, 0) INTO v_held, v_average
      FROM holding h WHERE h.account_id = p_account.id AND h.symbol = v_symbol;
    v_held := coalesce(v_held, 0);
    IF v_rules ?| ARRAY['position_value', 'position_pct'] THEN
        SELECT coalesce(sum(o.qty - o.filled_qty), 0) INTO v_position FROM trade_order o
         WHERE o.account_id = p_account.id AND o.symbol = v_symbol AND o.side = v_side
           AND o.status NOT IN ('risk_rejected', 'filled', 'canceled', 'expired', 'replaced', 'rejected', 'not_sent');
        v_position := v_position + v_qty;
        v_position := abs(v_held + CASE v_side WHEN 'buy' THEN v_position ELSE -v_position END)
                      * coalesce(v_price, (p_order->>'reserve_per_share')::numeric, 0);
        IF v_position > (v_rules->>'position_value')::numeric THEN
            words := words || format('With this order %s is worth %s, and your rules allow %s of one symbol.', v_symbol,
                                     money_words(v_position, p_account.currency),
                                     money_words((v_rules->>'position_value')::numeric, p_account.currency));
        END IF;
        IF v_position * 100 > (v_rules->>'position_pct')::numeric * greatest(v_equity, 0) THEN
            words := words || format('With this order %s is %s of an account worth %s: your rules allow %s %%.', v_symbol,
                                     money_words(v_position, p_account.currency),
                                     money_words(v_equity, p_account.currency), v_rules->>'position_pct');
        END IF;
    END IF;
    IF v_rules ? 'no_averaging_down' AND v_held <> 0 AND (v_held > 0) = (v_side = 'buy')
       AND (v_held > 0 AND v_price < v_average OR v_held < 0 AND v_price > v_average) THEN
        words := words || format('%s stands at a loss (%s on average, %s now), and your rules add nothing to it.', v_symbol,
                                 money_words(v_average, p_account.currency), money_words(v_price, p_account.currency));
    END IF;
END $$;

-- Whether any switch or rule may apply to the account.
CREATE FUNCTION is_guarded(p_account uuid, p_user uuid, p_broker text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM trading_stop s
                    WHERE (s.account_id IS NULL OR s.account_id = p_account)
                      AND (s.user_id IS NULL OR s.user_id = p_user) AND (s.broker IS NULL OR s.broker = p_broker))
        OR EXISTS (SELECT FROM trading_rule r
                    WHERE r.user_id = p_user AND (r.account_id IS NULL OR r.account_id = p_account))
$$;

-- An account that is opened while a switch or rule for many changes either is seen by it or sees it.
CREATE FUNCTION guard_new_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(91621338270469);  -- 0x5354_4152_4B05
    NEW.guarded := is_guarded(NEW.id, NEW.user_id, NEW.broker);
    RETURN NEW;
END $$;

CREATE TRIGGER account_guarded BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION guard_new_account();

-- Locks every account that a switch or rule covers, in the order everybody locks accounts: whoever submits an order is
-- through with it before, or will see the change.
CREATE FUNCTION lock_covered(p_user uuid, p_account uuid, p_broker text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(91621338270469);
    PERFORM 1 FROM account a
      WHERE (p_account IS NULL OR a.id = p_account) AND (p_user IS NULL OR a.user_id = p_user)
        AND (p_broker IS NULL OR a.broker = p_broker)
      ORDER BY a.id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION guard_covered(p_user uuid, p_account uuid, p_broker text) RETURNS void LANGUAGE sql AS $$
    UPDATE account a SET guarded = NOT a.guarded
     WHERE (p_account IS NULL OR a.id = p_account) AND (p_user IS NULL OR a.user_id = p_user)
       AND (p_broker IS NULL OR a.broker = p_broker) AND a.guarded <> is_guarded(a.id, a.user_id, a.broker)
$$;

-- Turns a switch on; on already, it only becomes stricter. Whether it has to be swept: open orders asked back.
CREATE FUNCTION turn_on_stop(
    p_id uuid, p_user uuid, p_account uuid, p_broker text, p_allows_reducing boolean, p_sweeps boolean, p_reason text,
    p_by uuid, p_events jsonb, p_now timestamptz
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    PERFORM lock_covered(p_user, p_account, p_broker);
    INSERT INTO trading_stop AS s (id, user_id, account_id, broker, allows_reducing, reason, set_by, set_at, swept_at)
    VALUES (p_id, p_user, p_account, p_broker, p_allows_reducing, p_reason, p_by, p_now,
            CASE WHEN NOT p_sweeps THEN p_now END)
        ON CONFLICT (user_id, account_id, broker) DO UPDATE
       SET allows_reducing = s.allows_reducing AND excluded.allows_reducing, reason = excluded.reason,
           swept_at = CASE WHEN p_sweeps THEN NULL ELSE s.swept_at END
    RETURNING s.id INTO v_id;
    PERFORM guard_covered(p_user, p_account, p_broker);
    PERFORM append_audit(p_events);
    RETURN v_id;
END $$;

-- Turns it off; false when it was off.
CREATE FUNCTION turn_off_stop(p_id uuid, p_events jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_stop trading_stop;
BEGIN
    SELECT * INTO v_stop FROM trading_stop WHERE id = p_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM lock_covered(v_stop.user_id, v_stop.account_id, v_stop.broker);
    DELETE FROM trading_stop WHERE id = p_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM guard_covered(v_stop.user_id, v_stop.account_id, v_stop.broker);
    PERFORM append_audit(p_events);
    RETURN true;
END $$;

-- Asks for every open order of these accounts back that nobody has asked for yet, at most p_limit of them. Orders are
-- locked first, then accounts, as everywhere. `p_clocks` has the venues' instants, as far as they are known.
CREATE FUNCTION cancel_open_orders(p_accounts uuid[], p_clocks jsonb, p_limit int, p_now timestamptz)
RETURNS TABLE (order_id uuid, owner_id uuid, account_id uuid, venue text, symbol text, status text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    SELECT array_agg(f.id) INTO v_ids FROM (
        SELECT o.id FROM trade_order o
         WHERE o.account_id = ANY (p_accounts)
           AND (o.status IN ('pending_submit', 'accepted', 'working', 'partial')
                OR (o.status IN ('submitting', 'unknown', 'suspended', 'done_for_day')
                    AND o.cancel_requested_at IS NULL))
         ORDER BY o.id LIMIT p_limit) f;
    PERFORM 1 FROM trade_order o WHERE o.id = ANY (v_ids) ORDER BY o.id FOR UPDATE;
    RETURN QUERY
        SELECT o.id, a.user_id, o.account_id, o.venue::text, o.symbol::text, (asked.stored).status::text
          FROM unnest(v_ids) AS found (id) JOIN trade_order o ON o.id = found.id JOIN account a ON a.id = o.account_id,
               LATERAL request_cancel(o.id, a.user_id, coalesce((p_clocks->>o.venue)::timestamptz, p_now), p_now) asked
         WHERE asked.outcome = 'asked';
END $$;

-- Whether there may be something to have read before an order, by the account's row alone: the same again, shares sold at
-- a loss bought back, or shares sold soon after a sale (see domain/cautions.py).
CREATE FUNCTION may_need_caution(
    p_account account, p_side text, p_venue_at timestamptz, p_now timestamptz
) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(p_account.last_order_at > p_now - interval '10 seconds', false)
        OR p_side = 'buy' AND coalesce(p_account.loss_at > p_venue_at - interval '30 days', false)
        OR p_side = 'sell' AND coalesce(p_account.sold_at > p_venue_at - interval '8 days', false)
$$;

CREATE FUNCTION note_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET sold_at = NEW.updated_at,
                       loss_at = CASE WHEN NEW.realized_pl < OLD.realized_pl THEN NEW.updated_at ELSE loss_at END
     WHERE id = NEW.account_id;
    RETURN NULL;
END $$;

CREATE TRIGGER holding_sold AFTER UPDATE ON holding FOR EACH ROW
  WHEN (NEW.signed_qty < OLD.signed_qty) EXECUTE FUNCTION note_sale();
