"""Corporate actions as they were told, revision by revision, and what each made of accounts and open orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039_actions_on_accounts"
down_revision = "0037_imports"
branch_labels = None
depends_on = None

KINDS = "'split', 'stock_dividend', 'dividend', 'symbol_change', 'delisting', 'spin_off'"
OF_ACCOUNTS = ("action_posting", "action_order")
APPEND_ONLY = ("action_told", *OF_ACCOUNTS, "action_waived")
OWNS = "EXISTS (SELECT FROM account a WHERE a.id = account_id AND a.user_id = acting_person())"


def upgrade() -> None:
    op.create_table(
        "action_told",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ex_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("numerator", sa.Numeric(), nullable=True),
        sa.Column("denominator", sa.Numeric(), nullable=True),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("cost_pct", sa.Numeric(), nullable=True),
        sa.Column("to_symbol", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="action_told_kind_known"),
        sa.CheckConstraint("revision >= 1", name="action_told_counts_from_one"),
        sa.PrimaryKeyConstraint("venue", "action_id", "revision"),
        sa.UniqueConstraint("id", name="action_told_id"),
    )
    op.create_index("action_told_symbol", "action_told", ["venue", "symbol", "ex_on"])
    op.create_index("action_told_split", "action_told", ["venue", "ex_on"], postgresql_where=sa.text("kind = 'split'"))
    op.create_table(
        "action_posting",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("turn", sa.SmallInteger(), nullable=False),
        sa.Column("undoing", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ex_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("entry_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "action_id", "revision", "turn", "undoing"),
    )
    op.create_index("action_posting_account", "action_posting", ["account_id", sa.text("id DESC")])
    op.create_table(
        "action_order",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("filled_more_qty", sa.Numeric(24, 9), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verb IN ('keep', 'change', 'cancel')", name="action_order_verb_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.PrimaryKeyConstraint("order_id", "action_id", "revision"),
    )
    op.create_index("action_order_account", "action_order", ["account_id"])
    op.create_table(
        "action_mark",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("told_id", sa.BigInteger(), nullable=False),
        sa.Column("acted_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "action_waived",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("waived_by", sa.Uuid(), nullable=False),
        sa.Column("waived_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "action_id", "revision"),
    )
    op.add_column(
        "account_close",
        sa.Column("later_ids", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
    )
    op.add_column(
        "alert",
        sa.Column("adjusted", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute("CREATE POLICY see ON action_waived FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY add ON action_waived FOR INSERT WITH CHECK (acts_for_all() OR {OWNS})")
    # Only the worker books actions; who sees an account reads what they made of it.
    for table in (*OF_ACCOUNTS, "action_mark"):
        op.execute(f"CREATE POLICY see ON {table} FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
        op.execute(f"CREATE POLICY change ON {table} USING (acts_for_all())")
    for table in (*OF_ACCOUNTS, "action_mark", "action_waived"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    # The former version would take what actions did to shares and orders for a broken promise of the books.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM action_posting) OR EXISTS (SELECT FROM action_order) THEN "
        "RAISE EXCEPTION 'actions were booked on accounts, which the former version cannot read'; END IF; END $$"
    )
    op.drop_column("alert", "adjusted")
    op.drop_column("account_close", "later_ids")
    for table in ("action_waived", "action_mark", "action_order", "action_posting", "action_told"):
        op.drop_table(table)
