"""Accounts shared with other people, who placed an order, and row-level security behind every query of the web."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0015_sharing"
down_revision = "0014_passkeys"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
WALLED = (
    "alert",
    "alert_event",
    "mail_outbox",
    "mail_choice",
    "chat",
    "chat_message",
    "ai_call",
    "order_proposal",
    "vault_secret",
    "account_share",
    "account",
    "trade_order",
    "fill",
    "holding",
    "ledger_entry",
    "equity_snapshot",
    "broker_account",
    "broker_activity",
    "order_event",
    "outbox",
    "broker_order",
)
BY_DEGREES = WALLED[WALLED.index("account") :]


def upgrade() -> None:
    op.create_table(
        "account_share",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("shared_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level IN ('view', 'trade')", name="account_share_level_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["shared_by"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "user_id"),
    )
    op.create_index("ix_account_share_user_id", "account_share", ["user_id"])
    _roles("'admin', 'trader', 'analyst', 'viewer'")
    op.add_column("trade_order", sa.Column("placed_by", sa.Uuid(), nullable=True))
    _run((SQL_DIR / "0015_sharing.sql").read_text(encoding="utf-8"))
    _run((SQL_DIR / "0015_walls.sql").read_text(encoding="utf-8"))
    for table in WALLED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in WALLED:
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        for policy in ("see", "change") if table in BY_DEGREES else ("own",):
            op.execute(f"DROP POLICY {policy} ON {table}")
    for name in ("sees_chat", "changes_order", "sees_order", "changes_account", "sees_account", "is_shared"):
        op.execute(f"DROP FUNCTION {name}(uuid)")
    op.execute("DROP FUNCTION acting_person(), acts_for_all()")
    _run(_function("0001_orders.sql", "submit_orders"))
    _run(_function("0005_cancel.sql", "request_cancel"))
    op.execute("DROP FUNCTION may_trade(uuid, uuid)")
    for table in ("app_user", "invitation"):
        op.execute(f"UPDATE {table} SET role = 'viewer' WHERE role = 'analyst'")
    _roles("'admin', 'trader', 'viewer'")
    op.drop_column("trade_order", "placed_by")
    op.drop_table("account_share")


def _roles(names: str) -> None:
    op.drop_constraint("invitation_role_known", "invitation", type_="check")
    op.create_check_constraint("invitation_role_known", "invitation", f"role IN ({names})")


def _function(file: str, name: str) -> str:
    """The former definition of a function, from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
