"""Every SQL statement of the assistant room."""

# --- conversations ----------------------------------------------------------------------------------------------------

_CHAT = """
       c.id, c.title, c.created_at, c.updated_at, c.has_outside_text,
       (c.answering_until IS NOT NULL AND c.answering_until > %(now)s) AS answering
"""

CHATS = f"SELECT {_CHAT} FROM chat c WHERE c.owner_id = %(owner)s ORDER BY c.updated_at DESC LIMIT %(limit)s"

CHAT = f"SELECT {_CHAT} FROM chat c WHERE c.owner_id = %(owner)s AND c.id = %(chat)s"

PUT_CHAT = """
INSERT INTO chat (id, owner_id, title, created_at, updated_at, has_outside_text, stop_asked)
SELECT %(chat)s, %(owner)s, %(title)s, %(now)s, %(now)s, false, false
 WHERE (SELECT count(*) FROM chat WHERE owner_id = %(owner)s) < %(most)s
"""

RENAME_CHAT = "UPDATE chat SET title = %(title)s WHERE id = %(chat)s AND owner_id = %(owner)s"

NAME_NEW_CHAT = "UPDATE chat SET title = %(title)s WHERE id = %(chat)s AND owner_id = %(owner)s AND title = ''"

DELETE_CHAT = "DELETE FROM chat WHERE id = %(chat)s AND owner_id = %(owner)s"

FORGET_CHATS = "DELETE FROM chat WHERE updated_at < %(before)s"

# One answer at a time per person: whoever holds the person's row decides, the others wait for it.
HOLD_PERSON = "SELECT id FROM app_user WHERE id = %(owner)s FOR NO KEY UPDATE"

CLAIM_CHAT = """
UPDATE chat SET answering_until = %(until)s, stop_asked = false, updated_at = %(now)s
 WHERE id = %(chat)s AND owner_id = %(owner)s
   AND NOT EXISTS (SELECT FROM chat busy WHERE busy.owner_id = %(owner)s AND busy.answering_until > %(now)s)
"""

GO_ON = """
UPDATE chat SET answering_until = %(until)s WHERE id = %(chat)s AND answering_until IS NOT NULL
RETURNING has_outside_text, stop_asked
"""

FREE_CHAT = "UPDATE chat SET answering_until = NULL, stop_asked = false, updated_at = %(now)s WHERE id = %(chat)s"

ASK_TO_STOP = "UPDATE chat SET stop_asked = true WHERE id = %(chat)s AND owner_id = %(owner)s"

MARK_OUTSIDE_TEXT = "UPDATE chat SET has_outside_text = true WHERE id = %(chat)s AND owner_id = %(owner)s RETURNING id"

HAS_OUTSIDE_TEXT = "SELECT has_outside_text FROM chat WHERE id = %(chat)s AND owner_id = %(owner)s"

PUT_MESSAGE = """
INSERT INTO chat_message (chat_id, role, content, said, problem, created_at, model, setup, stop_reason, usage,
                          cost_usd, saved_usd)
SELECT c.id, %(role)s, %(content)s::jsonb, %(said)s, %(problem)s, %(now)s, %(model)s, %(setup)s, %(stop_reason)s,
       %(usage)s::jsonb, %(cost)s, %(saved)s
  FROM chat c WHERE c.id = %(chat)s AND c.owner_id = %(owner)s
RETURNING id
"""

MESSAGES = """
SELECT m.id, m.role, m.content, m.said, m.problem, m.created_at, m.model, m.setup, m.stop_reason, m.usage, m.cost_usd,
       m.saved_usd
  FROM chat_message m JOIN chat c ON c.id = m.chat_id
 WHERE m.chat_id = %(chat)s AND c.owner_id = %(owner)s ORDER BY m.id
"""

# --- what calls cost --------------------------------------------------------------------------------------------------

# The month's row is the queue of parallel calls: each sees what the one before it has reserved.
RESERVE = """
WITH counted AS (
    INSERT INTO ai_month AS kept (month, counted_usd)
    SELECT %(month)s, %(worst)s WHERE %(worst)s <= %(budget)s
        ON CONFLICT (month) DO UPDATE SET counted_usd = kept.counted_usd + excluded.counted_usd
     WHERE kept.counted_usd + excluded.counted_usd <= %(budget)s
    RETURNING month
)
INSERT INTO ai_call (id, owner_id, month, purpose, model, reserved_usd, created_at)
SELECT %(id)s, %(owner)s, month, %(purpose)s, %(model)s, %(worst)s, %(now)s FROM counted
RETURNING id
"""

SETTLE = """
WITH settled AS (
    UPDATE ai_call SET spent_usd = coalesce(%(spent)s, reserved_usd), usage = %(usage)s::jsonb, settled_at = %(now)s,
                       outcome = %(outcome)s
     WHERE id = %(id)s AND settled_at IS NULL
    RETURNING month, reserved_usd, spent_usd
)
UPDATE ai_month AS kept SET counted_usd = kept.counted_usd - settled.reserved_usd + settled.spent_usd
  FROM settled WHERE kept.month = settled.month
"""

# Whoever made these calls is gone; what they cost is unknown, so all of the reservation counts as spent.
SETTLE_LOST = """
UPDATE ai_call SET spent_usd = reserved_usd, settled_at = %(now)s, outcome = 'lost'
 WHERE settled_at IS NULL AND created_at < %(before)s
"""

COUNTED = "SELECT counted_usd FROM ai_month WHERE month = %(month)s"

SPENT_BY = """
SELECT count(*) AS calls, coalesce(sum(coalesce(spent_usd, reserved_usd)), 0) AS usd
  FROM ai_call WHERE owner_id = %(owner)s AND month = %(month)s
"""

# --- proposals --------------------------------------------------------------------------------------------------------

_PROPOSAL = """
       p.id, p.chat_id, p.account_id, a.name AS account_name, p.symbol, p.side, p.type, p.qty, p.limit_price,
       p.time_in_force, p.why, p.ticket_hash, p.preview, p.created_at, p.expires_at, p.used_at, p.order_id
  FROM order_proposal p JOIN account a ON a.id = p.account_id
"""

PUT_PROPOSAL = """
INSERT INTO order_proposal (id, owner_id, chat_id, account_id, symbol, side, type, qty, limit_price, time_in_force,
                            why, ticket_hash, preview, created_at, expires_at)
SELECT %(id)s, %(owner)s, c.id, a.id, %(symbol)s, %(side)s, %(type)s, %(qty)s, %(limit_price)s, %(time_in_force)s,
       %(why)s, %(hash)s, %(preview)s::jsonb, %(now)s, %(expires_at)s
  FROM chat c, account a
 WHERE c.id = %(chat)s AND c.owner_id = %(owner)s AND NOT c.has_outside_text
   AND a.id = %(account)s AND (a.user_id = %(owner)s OR may_trade(a.id, %(owner)s))
RETURNING id
"""

PROPOSAL = f"""
SELECT {_PROPOSAL}
 WHERE p.id = %(proposal)s AND p.owner_id = %(owner)s AND (a.user_id = %(owner)s OR may_trade(a.id, %(owner)s))
"""

PROPOSALS = f"SELECT {_PROPOSAL} WHERE p.chat_id = %(chat)s AND p.owner_id = %(owner)s ORDER BY p.created_at, p.id"

USE_PROPOSAL = """
UPDATE order_proposal p SET used_at = %(now)s, order_id = o.id
  FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE p.id = %(proposal)s AND p.owner_id = %(owner)s AND p.used_at IS NULL AND p.ticket_hash = %(hash)s
   AND o.id = %(order)s AND o.account_id = p.account_id AND (a.user_id = %(owner)s OR may_trade(a.id, %(owner)s))
"""

FORGET_PROPOSALS = "DELETE FROM order_proposal WHERE used_at IS NULL AND expires_at < %(before)s"

# --- briefs -----------------------------------------------------------------------------------------------------------

BRIEFS = """
SELECT model, said, session_on, cost_usd, created_at FROM symbol_brief
 WHERE venue = %(venue)s AND symbol = %(symbol)s AND session_on = %(session_on)s
 ORDER BY (model = 'local'), created_at DESC
"""

PUT_BRIEF = """
INSERT INTO symbol_brief (venue, symbol, session_on, model, said, cost_usd, created_at)
VALUES (%(venue)s, %(symbol)s, %(session_on)s, %(model)s, %(said)s, %(cost)s, %(now)s)
ON CONFLICT (venue, symbol, session_on, model) DO UPDATE
   SET said = excluded.said, cost_usd = excluded.cost_usd, created_at = excluded.created_at
"""

FORGET_BRIEFS = "DELETE FROM symbol_brief WHERE created_at < %(before)s"
