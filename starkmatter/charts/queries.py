"""Every SQL statement of the charts room."""

from typing import LiteralString

_DRAWING: LiteralString = "id, venue, symbol, kind, points, color, width, words, updated_at"

DRAWINGS: LiteralString = f"""
SELECT {_DRAWING} FROM chart_drawing
 WHERE user_id = %(user)s AND venue = %(venue)s AND symbol = %(symbol)s ORDER BY created_at, id
"""

# Counts and adds in one statement under one lock, so that two windows cannot add past a limit.
INSERT_DRAWING: LiteralString = f"""
INSERT INTO chart_drawing (id, user_id, venue, symbol, kind, points, color, width, words, created_at, updated_at)
SELECT %(id)s, %(user)s, %(venue)s::text, %(symbol)s::text, %(kind)s, %(points)s, %(color)s, %(width)s, %(words)s,
       %(now)s, %(now)s
 WHERE (SELECT count(*) FROM chart_drawing WHERE user_id = %(user)s) < %(most)s
   AND (SELECT count(*) FROM chart_drawing
         WHERE user_id = %(user)s AND venue = %(venue)s AND symbol = %(symbol)s) < %(most_of_symbol)s
RETURNING {_DRAWING}
"""

ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(user)s::text, 7190364))"

DRAWING: LiteralString = f"SELECT {_DRAWING} FROM chart_drawing WHERE id = %(id)s AND user_id = %(user)s"

CHANGE_DRAWING: LiteralString = f"""
UPDATE chart_drawing
   SET points = coalesce(%(points)s, points), color = coalesce(%(color)s, color), width = coalesce(%(width)s, width),
       words = coalesce(%(words)s, words), updated_at = %(now)s
 WHERE id = %(id)s AND user_id = %(user)s
RETURNING {_DRAWING}
"""

DELETE_DRAWING: LiteralString = "DELETE FROM chart_drawing WHERE id = %(id)s AND user_id = %(user)s"

TEMPLATES: LiteralString = (
    "SELECT id, name, look, updated_at FROM chart_template WHERE user_id = %(user)s ORDER BY name"
)

PUT_TEMPLATE: LiteralString = """
INSERT INTO chart_template (id, user_id, name, look, updated_at)
SELECT %(id)s, %(user)s, %(name)s::text, %(look)s, %(now)s
 WHERE (SELECT count(*) FROM chart_template WHERE user_id = %(user)s AND name <> %(name)s) < %(most)s
ON CONFLICT (user_id, name) DO UPDATE SET look = excluded.look, updated_at = excluded.updated_at
RETURNING id, name, look, updated_at
"""

DELETE_TEMPLATE: LiteralString = "DELETE FROM chart_template WHERE id = %(id)s AND user_id = %(user)s"

ACCOUNTS_OF_VENUE: LiteralString = "SELECT id FROM account WHERE id = ANY (%(accounts)s) AND venue = %(venue)s"
