"""Orders of real money: live trading per account, the ticket a second factor was given for, and what was allowed."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0045_live_orders"
down_revision = "0044_targets"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql" / "0045_live.sql"
MONEY = sa.Numeric(20, 6)
INSTANT = sa.DateTime(timezone=True)
OWNS = "EXISTS (SELECT FROM account a WHERE a.id = account_id AND a.user_id = acting_person())"
TRIGGERS = (
    ("account_mode_is_fixed", "account"),
    ("trade_order_live_guarded", "trade_order"),
    ("trade_order_live_allowed", "trade_order"),
    ("live_trading_is_the_owners", "live_trading"),
)
FUNCTIONS = (
    "refuse_other_mode()",
    "guard_live_order()",
    "live_words(uuid)",
    "allow_live_order()",
    "approve_live(uuid, uuid, uuid)",
    "ask_live(jsonb, uuid, uuid)",
    "set_live_limit(uuid, uuid, numeric)",
    "live_limit(live_trading)",
    "check_live_trading()",
    "turn_on_live(uuid, uuid, uuid)",
    "take_factor(uuid, uuid, timestamptz)",
    "order_worth(trade_order)",
    "order_terms(trade_order)",
)


def upgrade() -> None:
    op.add_column("user_session", sa.Column("factor_at", INSTANT, nullable=True))
    op.create_table(
        "live_trading",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("turned_on_by", sa.Uuid(), nullable=False),
        sa.Column("factor_at", INSTANT, nullable=False),
        sa.Column("on_since", INSTANT, nullable=False),
        sa.Column("most", MONEY, server_default=sa.text("0"), nullable=False),
        sa.Column("raises_to", MONEY, nullable=True),
        sa.Column("raises_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "on_since >= factor_at AND on_since <= factor_at + interval '120 seconds'", name="live_trading_was_proven"
        ),
        sa.CheckConstraint("most >= 0", name="live_trading_limit_not_negative"),
        sa.CheckConstraint(
            "(raises_to IS NULL) = (raises_at IS NULL) AND (raises_to IS NULL OR raises_to > most)",
            name="live_trading_raise_is_whole",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["turned_on_by"], ["app_user.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "live_approval",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("reference_price", MONEY, nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("approved_at", INSTANT, nullable=True),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.CheckConstraint("(approved_at IS NULL) = (valid_until IS NULL)", name="live_approval_is_for_a_time"),
        sa.CheckConstraint(
            "valid_until <= approved_at + interval '120 seconds' AND approved_at >= asked_at",
            name="live_approval_two_minutes_at_most",
        ),
        sa.CheckConstraint("used_at IS NULL OR approved_at IS NOT NULL", name="live_approval_used_after_approved"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("live_approval_asked", "live_approval", ["asked_at"])
    op.create_table(
        "live_permit",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("worth", sa.Numeric(), nullable=True),
        sa.Column("most", MONEY, nullable=False),
        sa.Column("with_factor", sa.Boolean(), nullable=False),
        sa.Column("allowed_at", INSTANT, nullable=False),
        sa.CheckConstraint("with_factor OR worth <= most", name="live_permit_has_a_reason"),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.execute("CREATE POLICY see ON live_trading FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY change ON live_trading USING (acts_for_all() OR {OWNS})")
    op.execute("CREATE POLICY own ON live_approval USING (acts_for_all() OR user_id = acting_person())")
    op.execute("CREATE POLICY see ON live_permit FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY change ON live_permit USING (acts_for_all() OR {OWNS})")
    for table in ("live_trading", "live_approval", "live_permit"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.get_bind().exec_driver_sql(SQL.read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    for trigger, table in TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in ("live_permit", "live_approval", "live_trading"):
        op.drop_table(table)
    op.drop_column("user_session", "factor_at")
