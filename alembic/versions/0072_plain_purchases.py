"""Purchases that fill whole are booked by one statement for orders, their steps, the journal and the fills.

A third of what a booking took in the database was collecting what each item came to in seventeen lists. A batch of
nothing but plain purchases needs no such lists; every other batch is booked as before.
"""

from pathlib import Path

from alembic import op

revision = "0072_plain_purchases"
down_revision = "0071_order_is_sound"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
BEFORE = "    IF v_early THEN\n        PERFORM 1 FROM account a WHERE a.id = ANY (v_all_accounts)"
PLAIN = """    IF NOT v_early AND NOT v_twice AND book_plain_purchases(p_batch, p_now) THEN
        RETURN QUERY SELECT (told.item->>'order')::uuid, true, 'filled'::text
                       FROM jsonb_array_elements(p_batch) WITH ORDINALITY AS told (item, place) ORDER BY told.place;
        RETURN;
    END IF;
"""


def upgrade() -> None:
    former = _former()
    assert former.count(BEFORE) == 1
    _run((SQL_DIR / "0072_purchases.sql").read_text(encoding="utf-8"))
    _run(former.replace(BEFORE, PLAIN + BEFORE))


def downgrade() -> None:
    _run(_former())
    op.execute("DROP FUNCTION book_plain_purchases(jsonb, timestamptz)")


def _former() -> str:
    text = (SQL_DIR / "0057_writes.sql").read_text(encoding="utf-8")
    start = text.index("FUNCTION book_executions(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
