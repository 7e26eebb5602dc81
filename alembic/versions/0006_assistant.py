"""The analyst: conversations, the ledger of paid calls, proposed orders and briefs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006_assistant"
down_revision = "0005_broker"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(20, 6)


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def _money(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, MONEY, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "chat",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        _text("title"),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("has_outside_text", sa.Boolean(), nullable=False),
        _instant("answering_until", nullable=True),
        sa.Column("stop_asked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("chat_newest", "chat", ["owner_id", sa.text("updated_at DESC")])
    op.create_table(
        "chat_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        _text("role"),
        sa.Column("content", JSONB(), nullable=False),
        _text("said"),
        _text("problem"),
        _instant("created_at"),
        _text("model", nullable=True),
        _text("setup", nullable=True),
        _text("stop_reason", nullable=True),
        sa.Column("usage", JSONB(), nullable=True),
        _money("cost_usd", nullable=True),
        _money("saved_usd", nullable=True),
        sa.CheckConstraint("role IN ('user', 'assistant', 'tools')", name="chat_message_role_known"),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("chat_message_order", "chat_message", ["chat_id", "id"])
    op.create_table(
        "ai_month",
        sa.Column("month", sa.Date(), nullable=False),
        _money("counted_usd"),
        sa.PrimaryKeyConstraint("month"),
    )
    op.create_table(
        "ai_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("month", sa.Date(), nullable=False),
        _text("purpose"),
        _text("model"),
        _money("reserved_usd"),
        _money("spent_usd", nullable=True),
        sa.Column("usage", JSONB(), nullable=True),
        _instant("created_at"),
        _instant("settled_at", nullable=True),
        _text("outcome", nullable=True),
        sa.CheckConstraint("(settled_at IS NULL) = (spent_usd IS NULL)", name="ai_call_settled_whole"),
        sa.CheckConstraint("reserved_usd >= 0 AND spent_usd >= 0", name="ai_call_not_negative"),
        sa.ForeignKeyConstraint(["owner_id"], ["app_user.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["month"], ["ai_month.month"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ai_call_of_person", "ai_call", ["owner_id", "month"])
    op.create_index("ai_call_open", "ai_call", ["created_at"], postgresql_where=sa.text("settled_at IS NULL"))
    op.create_table(
        "order_proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        _text("symbol"),
        _text("side"),
        _text("type"),
        sa.Column("qty", sa.Numeric(24, 9), nullable=False),
        sa.Column("limit_price", sa.Numeric(18, 6), nullable=True),
        _text("time_in_force"),
        _text("why"),
        _text("ticket_hash"),
        sa.Column("preview", JSONB(), nullable=False),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(used_at IS NULL) = (order_id IS NULL)", name="order_proposal_used_whole"),
        sa.ForeignKeyConstraint(["owner_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("order_proposal_of_chat", "order_proposal", ["chat_id"])
    op.create_index("order_proposal_expiry", "order_proposal", ["expires_at"])
    op.create_table(
        "symbol_brief",
        _text("venue"),
        _text("symbol"),
        sa.Column("session_on", sa.Date(), nullable=False),
        _text("model"),
        _text("said"),
        _money("cost_usd"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("venue", "symbol", "session_on", "model"),
    )


def downgrade() -> None:
    for table in ("symbol_brief", "order_proposal", "ai_call", "ai_month", "chat_message", "chat"):
        op.drop_table(table)
