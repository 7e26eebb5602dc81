"""Every SQL statement about optimizations."""

from typing import LiteralString

_COLUMNS: LiteralString = "o.id, o.account_id, o.state, o.words, o.asked, o.result, o.created_at, o.ended_at"

LOCK_PERSON = "SELECT id FROM app_user WHERE id = %(user)s FOR UPDATE"

COUNT_MOVING = """
SELECT count(*) FROM portfolio_optimization WHERE user_id = %(user)s AND state IN ('waiting', 'running')
"""

PUT = """
INSERT INTO portfolio_optimization (id, user_id, account_id, state, words, asked, tries, created_at)
VALUES (%(id)s, %(user)s, %(account)s, 'waiting', '', %(asked)s::jsonb, 0, %(now)s)
"""

# All but the newest of a person.
FORGET_OLD = """
DELETE FROM portfolio_optimization WHERE user_id = %(user)s AND state IN ('done', 'failed') AND id NOT IN
       (SELECT id FROM portfolio_optimization WHERE user_id = %(user)s ORDER BY created_at DESC, id LIMIT %(keep)s)
"""

ONE: LiteralString = f"""
SELECT {_COLUMNS} FROM portfolio_optimization o WHERE o.id = %(id)s AND o.user_id = %(user)s
"""

NEWEST: LiteralString = f"""
SELECT {_COLUMNS} FROM portfolio_optimization o WHERE o.account_id = %(account)s AND o.user_id = %(user)s
 ORDER BY o.created_at DESC, o.id LIMIT %(limit)s
"""

# What is due, the oldest first. Only the leader asks, so that what is running was left by a worker that is gone.
DUE = """
SELECT id, asked, tries FROM portfolio_optimization WHERE state IN ('waiting', 'running')
 ORDER BY created_at, id LIMIT 1
"""

CLAIM = """
UPDATE portfolio_optimization SET state = 'running', claim = %(claim)s, tries = tries + 1
 WHERE id = %(id)s AND tries = %(tries)s AND state IN ('waiting', 'running')
"""

FINISH = """
UPDATE portfolio_optimization SET state = %(state)s, words = %(words)s, result = %(result)s::jsonb, claim = NULL,
       ended_at = %(now)s
 WHERE id = %(id)s AND claim = %(claim)s
"""
