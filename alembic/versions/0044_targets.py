"""What an account is to consist of, and a person's own tags of symbols."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044_targets"
down_revision = "0043_baskets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allocation_target",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("percents", postgresql.ARRAY(sa.Numeric(7, 4)), nullable=False),
        sa.Column("cash_pct", sa.Numeric(7, 4), nullable=False),
        sa.Column("tolerance_pct", sa.Numeric(7, 4), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("by IN ('symbol', 'sector', 'class')", name="allocation_target_by_known"),
        sa.CheckConstraint("cardinality(names) = cardinality(percents)", name="allocation_target_pairs"),
        sa.CheckConstraint("cash_pct BETWEEN 0 AND 100", name="allocation_target_cash"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "symbol_tag",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.CheckConstraint("length(tag) BETWEEN 1 AND 40", name="symbol_tag_length"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "symbol", "tag"),
    )
    op.execute("CREATE POLICY see ON allocation_target FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(
        "CREATE POLICY change ON allocation_target USING (acts_for_all() OR changes_account(account_id))"
        " WITH CHECK (acts_for_all() OR changes_account(account_id))"
    )
    op.execute("CREATE POLICY own ON symbol_tag USING (acts_for_all() OR user_id = acting_person())")
    for table in ("allocation_target", "symbol_tag"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("symbol_tag")
    op.drop_table("allocation_target")
