"""A kill switch asks every open order back, also one whose change the broker is thinking over.

An order whose replacement is pending was left out, though its cancel could be asked for one by one. And an order that
is halted or done for the day was left out when its cancel had been asked for once, also when the broker had refused
that: what counts is whether a wish is still under way.
"""

from pathlib import Path

from alembic import op

revision = "0095_all_asked_back"
down_revision = "0090_busts_in_any_order"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0026_guard.sql"
FORMER = """                OR (o.status IN ('submitting', 'unknown', 'suspended', 'done_for_day')
                    AND o.cancel_requested_at IS NULL))"""
EVERY = """                OR (o.status IN ('submitting', 'unknown', 'suspended', 'done_for_day', 'pending_replace')
                    AND NOT EXISTS (SELECT FROM outbox w WHERE w.order_id = o.id AND w.kind = 'cancel')))"""


def upgrade() -> None:
    former = _former()
    assert FORMER in former
    _run(former.replace(FORMER, EVERY))


def downgrade() -> None:
    _run(_former())


def _former() -> str:
    text = SQL_FILE.read_text(encoding="utf-8")
    start = text.index("FUNCTION cancel_open_orders(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
