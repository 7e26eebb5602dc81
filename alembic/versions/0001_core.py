"""The core: people, sessions, accounts, orders, fills and the balanced journal."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_core"
down_revision = None
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).resolve().parent.parent / "sql"
APPEND_ONLY = ("ledger_entry", "fill", "order_event")


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("passphrase_hash", sa.String(), nullable=False),
        sa.Column("appearance", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("app_user_email_key", "app_user", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "setup_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("broker", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("cash", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("reserved", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("frozen_reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('paper', 'live')", name="account_mode_known"),
        sa.CheckConstraint("venue IN ('replay', 'market')", name="account_venue_known"),
        sa.CheckConstraint("reserved >= 0", name="account_reserved_not_negative"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(op.f("ix_account_user_id"), "account", ["user_id"], unique=False)
    op.create_table(
        "user_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["app_user.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"], unique=False)
    op.create_table(
        "equity_snapshot",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("equity", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("cash", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("net_deposits", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "venue_at"),
    )
    op.create_table(
        "holding",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("signed_qty", sa.Numeric(precision=24, scale=9), nullable=False),
        sa.Column("cost_basis", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("realized_pl", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("reserved_qty", sa.Numeric(precision=24, scale=9), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reserved_qty >= 0", name="holding_reserved_not_negative"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("account_id", "symbol"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("fill_id", sa.Uuid(), nullable=True),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accounts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("commodities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("amounts", postgresql.ARRAY(sa.Numeric(precision=24, scale=9)), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ledger_entry_account", "ledger_entry", ["account_id", sa.literal_column("id DESC")], unique=False)
    op.create_table(
        "trade_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("qty", sa.Numeric(precision=24, scale=9), nullable=False),
        sa.Column("limit_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("session_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("sequence", sa.SmallInteger(), nullable=False),
        sa.Column("filled_qty", sa.Numeric(precision=24, scale=9), nullable=False),
        sa.Column("filled_value", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("reserved", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("reserve_per_share", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("reject_reason", sa.String(), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("risk", postgresql.JSONB(), nullable=False),
        sa.Column("submitted_venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(type = 'limit') = (limit_price IS NOT NULL)", name="trade_order_limit_price_fits_type"),
        sa.CheckConstraint("filled_qty >= 0 AND filled_qty <= qty", name="trade_order_filled_within_qty"),
        sa.CheckConstraint("qty > 0", name="trade_order_qty_positive"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "trade_order_account_created", "trade_order", ["account_id", sa.literal_column("created_at DESC")], unique=False
    )
    op.create_table(
        "fill",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("execution", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("qty", sa.Numeric(precision=24, scale=9), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("fees", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("realized_pl", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("receipt", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("qty > 0 AND price > 0 AND fees >= 0", name="fill_amounts_positive"),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["trade_order.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("fill_account_executed", "fill", ["account_id", "executed_at"], unique=False)
    op.create_index("fill_order_execution", "fill", ["order_id", "execution"], unique=True)
    op.create_table(
        "order_event",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "sequence"),
    )
    for name in ("0001_journal.sql", "0001_orders.sql"):
        op.get_bind().exec_driver_sql((SQL_DIR / name).read_text(encoding="utf-8").replace("%", "%%"))
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER ledger_entry_balanced BEFORE INSERT ON ledger_entry "
        "FOR EACH ROW EXECUTE FUNCTION check_balanced()"
    )


def downgrade() -> None:
    for function in (
        "book_executions",
        "request_cancel",
        "move_order",
        "release_reservation",
        "submit_orders",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP VIEW ledger_posting")
    op.drop_table("order_event")
    op.drop_index("fill_order_execution", table_name="fill")
    op.drop_index("fill_account_executed", table_name="fill")
    op.drop_table("fill")
    op.drop_index("trade_order_account_created", table_name="trade_order")
    op.drop_table("trade_order")
    op.drop_index("ledger_entry_account", table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_table("holding")
    op.drop_table("equity_snapshot")
    op.drop_index(op.f("ix_user_session_user_id"), table_name="user_session")
    op.drop_table("user_session")
    op.drop_index(op.f("ix_account_user_id"), table_name="account")
    op.drop_table("account")
    op.drop_table("setup_token")
    op.drop_table("outbox")
    op.drop_index("app_user_email_key", table_name="app_user")
    op.drop_table("app_user")
    op.execute("DROP FUNCTION check_balanced")
    op.execute("DROP FUNCTION refuse_change")
