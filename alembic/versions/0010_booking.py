"""Books executions in fewer statements: the batch is read once and each fill is written as it is judged."""

from pathlib import Path

from alembic import op

revision = "0010_booking"
down_revision = "0009_news"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    _run("0010_booking.sql")


def downgrade() -> None:
    _run("0010_booking_before.sql")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((SQL_DIR / name).read_text(encoding="utf-8").replace("%", "%%"))
