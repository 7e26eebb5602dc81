"""Orders that wait for somebody's confirmation, and how far the price may move until then."""

import sqlalchemy as sa
from alembic import op

revision = "0027_approvals"
down_revision = "0026_trading_guard"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "account", sa.Column("approval_drift_pct", sa.Numeric(20, 6), server_default=sa.text("1"), nullable=False)
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("qty", sa.Numeric(24, 9), nullable=False),
        sa.Column("limit_price", sa.Numeric(18, 6), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("thesis", sa.String(), nullable=False),
        sa.Column("invalidation", sa.String(), nullable=False),
        sa.Column("ticket_hash", sa.String(), nullable=False),
        sa.Column("reference_price", sa.Numeric(18, 6), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("source IN ('person', 'program', 'assistant')", name="approval_source_known"),
        sa.CheckConstraint("decision IN ('confirmed', 'declined', 'withdrawn')", name="approval_decision_known"),
        sa.CheckConstraint(
            "(decision = 'confirmed') = (valid_until IS NOT NULL)", name="approval_confirmed_for_a_time"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["proposed_by"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("approval_of_account", "approval", ["account_id", sa.text("created_at DESC")])
    op.execute(
        "CREATE POLICY see ON approval FOR SELECT"
        " USING (acts_for_all() OR proposed_by = acting_person() OR sees_account(account_id))"
    )
    op.execute(
        "CREATE POLICY change ON approval"
        " USING (acts_for_all() OR proposed_by = acting_person() OR changes_account(account_id))"
        " WITH CHECK (acts_for_all() OR proposed_by = acting_person() OR changes_account(account_id))"
    )
    op.execute("ALTER TABLE approval ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE approval FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("approval")
    op.drop_column("account", "approval_drift_pct")
