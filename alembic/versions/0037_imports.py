"""Tracked accounts and imports of other programs' files: the file, its dry run, what was booked, and undoing it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037_imports"
down_revision = "0036_account_close"
branch_labels = None
depends_on = None

QTY = sa.Numeric(24, 9)
INSTANT = sa.DateTime(timezone=True)
OF_IMPORT = "portfolio_import.id"
TABLES = ("portfolio_import", "import_file", "import_line", "import_booking", "import_mapping", "tracked_account")
OWNS = "EXISTS (SELECT FROM account a WHERE a.id = account_id AND a.user_id = acting_person())"
OF_ONE = "EXISTS (SELECT FROM portfolio_import i WHERE i.id = import_id AND i.user_id = acting_person())"
# The ticket refuses such an order in words long before; nothing gets past this.
REFUSE_ORDER = """
CREATE FUNCTION refuse_tracked_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM account WHERE id = NEW.account_id AND broker = 'tracked') THEN
        RAISE EXCEPTION 'a tracked account is held elsewhere: nothing is traded on it here'
              USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""
ORDER_TRIGGER = """
CREATE TRIGGER trade_order_not_tracked BEFORE INSERT ON trade_order
   FOR EACH ROW WHEN (NEW.status <> 'risk_rejected') EXECUTE FUNCTION refuse_tracked_order()
"""


def upgrade() -> None:
    op.add_column("ledger_entry", sa.Column("reverses", sa.BigInteger(), nullable=True))
    op.create_foreign_key("ledger_entry_reverses_fkey", "ledger_entry", "ledger_entry", ["reverses"], ["id"])
    op.create_index(
        "ledger_entry_reverses",
        "ledger_entry",
        ["reverses"],
        unique=True,
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_index(
        "ledger_entry_trade_elsewhere",
        "ledger_entry",
        ["account_id", "venue_at"],
        postgresql_where=sa.text("kind = 'fill' AND fill_id IS NULL"),
    )
    _imports()
    op.create_table(
        "import_mapping",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("import_mapping_name", "import_mapping", ["user_id", "name"], unique=True)
    op.create_table(
        "tracked_account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("stale_since", INSTANT, nullable=True),
        sa.Column("valued_at", INSTANT, nullable=True),
        sa.Column("unpriced", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    _walls()
    op.execute(REFUSE_ORDER)
    op.execute(ORDER_TRIGGER)


def _imports() -> None:
    op.create_table(
        "portfolio_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("file_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.String(), server_default="", nullable=False),
        sa.Column("format", sa.String(), nullable=True),
        sa.Column("format_asked", sa.String(), nullable=True),
        sa.Column("mapping", postgresql.JSONB(), nullable=True),
        sa.Column("symbols", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=True),
        sa.Column("summary", postgresql.JSONB(), nullable=True),
        sa.Column("done_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("whole_count", sa.Integer(), nullable=True),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("cancel_asked_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("booked_at", INSTANT, nullable=True),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.CheckConstraint("origin IN ('file', 'manual')", name="portfolio_import_origin_known"),
        sa.CheckConstraint(
            "state IN ('uploaded', 'reading', 'needs_mapping', 'read', 'confirmed', 'booking', 'booked', 'undoing',"
            " 'undone', 'canceled', 'failed')",
            name="portfolio_import_state_known",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "portfolio_import_account", "portfolio_import", ["account_id", sa.literal_column("created_at DESC")]
    )
    op.create_index("ix_portfolio_import_user_id", "portfolio_import", ["user_id"])
    op.create_index(
        "portfolio_import_due",
        "portfolio_import",
        ["created_at"],
        postgresql_where=sa.text("state IN ('uploaded', 'reading', 'confirmed', 'booking', 'undoing')"),
    )
    op.create_table(
        "import_file",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("content_nonce", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("kek_version", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], [OF_IMPORT], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id"),
    )
    op.create_table(
        "import_line",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("at", INSTANT, nullable=True),
        sa.Column("symbol", sa.String(), nullable=True),
        sa.Column("qty", QTY, nullable=True),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("cash", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("said", sa.String(), nullable=True),
        sa.Column("is_repeat", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('booked', 'known', 'not_booked', 'problem', 'note')", name="import_line_outcome_known"
        ),
        sa.ForeignKeyConstraint(["import_id"], [OF_IMPORT], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "outcome", "place"),
    )
    op.create_table(
        "import_booking",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("venue_at", INSTANT, nullable=False),
        sa.Column("accounts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("commodities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("amounts", postgresql.ARRAY(QTY), nullable=False),
        sa.Column("reverses", sa.String(), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("undone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], [OF_IMPORT], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("import_id", "place", "part"),
    )
    # What was booked once cannot be booked again, whoever forgot to look.
    op.create_index(
        "import_booking_once",
        "import_booking",
        ["account_id", "fingerprint", "part"],
        unique=True,
        postgresql_where=sa.text("entry_id IS NOT NULL AND NOT undone"),
    )
    op.create_index("import_booking_entry", "import_booking", ["entry_id"], unique=True)
    op.create_index("import_booking_turn", "import_booking", ["import_id", "turn"])


def _walls() -> None:
    """An import is its owner's alone, also where an account is shared; what it booked everybody sees in the ledger."""
    op.execute(
        "CREATE POLICY own ON portfolio_import USING (acts_for_all() OR user_id = acting_person())"
        f" WITH CHECK (acts_for_all() OR (user_id = acting_person() AND {OWNS}))"
    )
    for table in ("import_file", "import_line"):
        op.execute(f"CREATE POLICY own ON {table} USING (acts_for_all() OR {OF_ONE})")
    op.execute(f"CREATE POLICY own ON import_booking USING (acts_for_all() OR ({OF_ONE} AND {OWNS}))")
    op.execute("CREATE POLICY own ON import_mapping USING (acts_for_all() OR user_id = acting_person())")
    op.execute("CREATE POLICY see ON tracked_account FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY change ON tracked_account USING (acts_for_all() OR {OWNS})")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP TRIGGER trade_order_not_tracked ON trade_order")
    op.execute("DROP FUNCTION refuse_tracked_order")
    for table in (
        "tracked_account",
        "import_mapping",
        "import_booking",
        "import_line",
        "import_file",
        "portfolio_import",
    ):
        op.drop_table(table)
    op.drop_index("ledger_entry_trade_elsewhere", table_name="ledger_entry")
    op.drop_index("ledger_entry_reverses", table_name="ledger_entry")
    op.drop_constraint("ledger_entry_reverses_fkey", "ledger_entry")
    op.drop_column("ledger_entry", "reverses")
