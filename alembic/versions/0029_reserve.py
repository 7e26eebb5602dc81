"""What is set aside for a purchase covers its commission in however many parts it fills."""

from pathlib import Path

from alembic import op

revision = "0029_reserve"
down_revision = "0028_pairs"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    _run((SQL_DIR / "0029_reserve.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    _run(_function("0026_submit.sql", "replace_order"))
    _run(_function("0024_language.sql", "book_executions"))


def _function(file: str, name: str) -> str:
    """The former definition of a function, from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
