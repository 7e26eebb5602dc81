"""Orders that come together are stored together: one statement a table for a batch, not one for each order.

Each statement that writes an order reads the table's checks anew from their text, and the condition of a trigger too:
that was most of what taking and booking an order cost in the database. The checks stay as they are and are read once a
batch; the condition moves into the function that it guards.
"""

from pathlib import Path

from alembic import op

revision = "0057_order_writes"
down_revision = "0053_lot_transfers"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
FORMER = {
    "guard_live_order": "0045_live.sql",
    "submit_orders": "0030_margin.sql",
    "book_executions": "0030_margin.sql",
}
TRIGGER = "trade_order_live_guarded"
TRIGGER_FILE = "0050_live.sql"


def upgrade() -> None:
    _run((SQL_DIR / "0057_writes.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for name, file in FORMER.items():
        _run(_former(file, f"FUNCTION {name}(", "END $$;"))
    op.execute("DROP FUNCTION take_plain_orders(jsonb, timestamptz)")
    _run(_former(TRIGGER_FILE, f"TRIGGER {TRIGGER} BEFORE UPDATE", ";"))


def _former(file: str, starts: str, ends: str) -> str:
    """A definition from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(starts)
    return "CREATE OR REPLACE " + text[start : text.index(ends, start)] + ends


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
