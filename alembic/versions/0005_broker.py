"""Real brokers: their side of an account and of an order, and cancels of orders whose fate is not known yet."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005_broker"
down_revision = "0004_people"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "broker_account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("broker", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False, server_default=""),
        sa.Column("differences", JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("external_orders", sa.Integer(), nullable=False, server_default="0"),
        _instant("checked_at", nullable=True),
        sa.Column("activity_id", sa.String(), nullable=True),
        _instant("activity_at", nullable=True),
        _instant("accept_asked_at", nullable=True),
        _instant("closed_at", nullable=True),
        sa.CheckConstraint("state IN ('opening', 'ready', 'away', 'apart')", name="broker_account_state_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_index(
        "broker_account_number",
        "broker_account",
        ["broker", "number"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "broker_order",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("broker_order_id", sa.String(), nullable=True),
        sa.Column("status_text", sa.String(), nullable=False, server_default=""),
        sa.Column("fence", sa.SmallInteger(), nullable=False),
        sa.Column("looks", sa.SmallInteger(), nullable=False, server_default="0"),
        _instant("claimed_at"),
        _instant("look_at", nullable=True),
        _instant("reported_at", nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index(
        "broker_order_look_at", "broker_order", ["look_at"], postgresql_where=sa.text("look_at IS NOT NULL")
    )
    op.create_table(
        "broker_activity",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        _instant("happened_at"),
        _instant("booked_at"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "activity_id"),
    )
    _run("0005_cancel.sql")


def downgrade() -> None:
    _run("0005_cancel_before.sql")
    op.drop_table("broker_activity")
    op.drop_table("broker_order")
    op.drop_table("broker_account")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((SQL_DIR / name).read_text(encoding="utf-8").replace("%", "%%"))
