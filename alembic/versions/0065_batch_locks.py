"""An order that is refused locks its account no harder than one that is taken.

A batch holds its accounts FOR NO KEY UPDATE from its beginning on. To ask for FOR UPDATE after that, as the look at a
refused order did, means to wait for whoever books a fill of the account: a new row refers to the account first, which
FOR UPDATE does not bear, and changes the account afterwards, which the batch does not bear. So both waited for each
other. No key of an account is ever changed, so nothing needs the harder lock.
"""

from pathlib import Path

from alembic import op

revision = "0065_batch_locks"
down_revision = "0060_moves_in_files"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0057_writes.sql"
BEGINS, ENDS = "FUNCTION submit_orders(", "END $$;"
HARDER, LOCK = "may_trade(id, i.user_id)) FOR UPDATE;", "may_trade(id, i.user_id)) FOR NO KEY UPDATE;"


def upgrade() -> None:
    former = _former()
    assert HARDER in former
    _run(former.replace(HARDER, LOCK))


def downgrade() -> None:
    _run(_former())


def _former() -> str:
    text = SQL_FILE.read_text(encoding="utf-8")
    start = text.index(BEGINS)
    return "CREATE OR REPLACE " + text[start : text.index(ENDS, start)] + ENDS


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
