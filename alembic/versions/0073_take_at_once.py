"""The plain purchases of a batch are judged, stored, noted and sent to the worker by one statement.

An order by itself keeps its four statements: to prepare the one costs more than it saves there.
"""

from pathlib import Path

from alembic import op

revision = "0073_take_at_once"
down_revision = "0072_plain_purchases"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    _run((SQL_DIR / "0073_take.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    _run(_former("take_plain_orders"))


def _former(name: str) -> str:
    text = (SQL_DIR / "0057_writes.sql").read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
