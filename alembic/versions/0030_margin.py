"""Margin accounts: holdings below zero, orders that open by buying power, calls, and what borrowing costs."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0030_margin"
down_revision = "0029_reserve"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
FORMER = {
    "release_reservation": "0024_language.sql",
    "submit_orders": "0026_submit.sql",
    "replace_order": "0029_reserve.sql",
    "book_executions": "0029_reserve.sql",
}
FUNCTIONS = (
    "margin_words(account, jsonb)",
    "cover_room(uuid, text)",
    "open_orders(uuid, text, text)",
    "knows_marks(uuid, jsonb)",
    "margin_state_of(account, jsonb)",
    "holding_after(numeric, numeric, text, numeric, numeric)",
)


def upgrade() -> None:
    op.add_column("account", sa.Column("kind", sa.String(), server_default="cash", nullable=False))
    op.add_column("account", sa.Column("financed_through", sa.Date(), nullable=True))
    op.create_check_constraint("account_kind_known", "account", "kind IN ('cash', 'margin')")
    for name in ("allow_short", "opens"):
        op.add_column("trade_order", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("instrument", sa.Column("borrowable", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        "margin_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("equity", sa.Numeric(20, 6), nullable=False),
        sa.Column("maintenance", sa.Numeric(20, 6), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.String(), server_default="", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'closing', 'met', 'closed')", name="margin_call_state_known"),
        sa.CheckConstraint("(state IN ('met', 'closed')) = (ended_at IS NOT NULL)", name="margin_call_ends_once"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "margin_call_open", "margin_call", ["account_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("margin_call_account", "margin_call", ["account_id", sa.text("called_at DESC")])
    op.execute("CREATE POLICY see ON margin_call FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute("CREATE POLICY change ON margin_call USING (acts_for_all() OR changes_account(account_id))")
    op.execute("ALTER TABLE margin_call ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE margin_call FORCE ROW LEVEL SECURITY")
    _run((SQL_DIR / "0030_margin.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    # The former version would take a margin account for one that owns what it holds.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM account WHERE kind = 'margin') THEN "
        "RAISE EXCEPTION 'there are margin accounts, which the former version cannot keep'; END IF; END $$"
    )
    for name, file in FORMER.items():
        _run(_function(file, name))
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("margin_call")
    op.drop_column("instrument", "borrowable")
    for name in ("opens", "allow_short"):
        op.drop_column("trade_order", name)
    op.drop_constraint("account_kind_known", "account", type_="check")
    for name in ("financed_through", "kind"):
        op.drop_column("account", name)


def _function(file: str, name: str) -> str:
    """The former definition of a function, from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
