"""What each position was worth at a session's close, and which entry of the ledger was the last then."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036_account_close"
down_revision = "0035_lots"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_close",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("symbols", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("qtys", postgresql.ARRAY(sa.Numeric(24, 9)), nullable=False),
        sa.Column("worths", postgresql.ARRAY(sa.Numeric(20, 6)), nullable=False),
        sa.CheckConstraint(
            "cardinality(symbols) = cardinality(qtys) AND cardinality(symbols) = cardinality(worths)",
            name="account_close_columns_are_as_long",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "venue_at"),
    )
    op.execute("CREATE POLICY see ON account_close FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute("CREATE POLICY change ON account_close USING (acts_for_all() OR changes_account(account_id))")
    op.execute("ALTER TABLE account_close ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE account_close FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("account_close")
