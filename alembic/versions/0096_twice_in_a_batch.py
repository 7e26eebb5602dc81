"""An order that a batch names twice is read anew for its second execution.

Orders were read with the batch, as they were before it: the second execution of one met what it was before the first,
and the whole batch was refused for a step of its history that had the same number. No broker of ours tells an order
twice in a batch; what the function says of it holds now all the same.
"""

from pathlib import Path

from alembic import op

revision = "0096_twice_in_a_batch"
down_revision = "0095_all_asked_back"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0057_writes.sql"
FORMER = "        v_order := i.found;\n"
ANEW = """        v_order := i.found;
        IF v_twice THEN
            SELECT o.* INTO v_order FROM trade_order o WHERE o.id = i."order";
        END IF;
"""
BEFORE = "    IF v_early THEN\n        PERFORM 1 FROM account a WHERE a.id = ANY (v_all_accounts)"
PLAIN = """    IF NOT v_early AND NOT v_twice AND book_plain_purchases(p_batch, p_now) THEN
        RETURN QUERY SELECT (told.item->>'order')::uuid, true, 'filled'::text
                       FROM jsonb_array_elements(p_batch) WITH ORDINALITY AS told (item, place) ORDER BY told.place;
        RETURN;
    END IF;
"""


def upgrade() -> None:
    former = _former()
    assert former.count(FORMER) == 1
    _run(former.replace(FORMER, ANEW))


def downgrade() -> None:
    _run(_former())


def _former() -> str:
    text = SQL_FILE.read_text(encoding="utf-8")
    start = text.index("FUNCTION book_executions(")
    body = "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"
    assert body.count(BEFORE) == 1
    return body.replace(BEFORE, PLAIN + BEFORE)


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
