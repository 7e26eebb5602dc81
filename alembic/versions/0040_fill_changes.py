"""What a broker took back of fills, or corrected: facts beside the fills, which stay as they were told first."""

import sqlalchemy as sa
from alembic import op

revision = "0040_fill_changes"
down_revision = "0039_actions_on_accounts"
branch_labels = None
depends_on = None

TABLE = "fill_change"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("qty_change", sa.Numeric(24, 9), nullable=False),
        sa.Column("value_change", sa.Numeric(20, 6), nullable=False),
        sa.Column("realized_change", sa.Numeric(20, 6), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("account_id", "execution_id"),
    )
    op.create_index("fill_change_order", TABLE, ["order_id"])
    op.execute(
        f"CREATE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"CREATE POLICY see ON {TABLE} FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY change ON {TABLE} USING (acts_for_all())")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    # The former version would take what was taken back for a broken promise of the books.
    op.execute(
        f"DO $$ BEGIN IF EXISTS (SELECT FROM {TABLE}) THEN "
        "RAISE EXCEPTION 'fills were taken back, which the former version cannot read'; END IF; END $$"
    )
    op.drop_table(TABLE)
