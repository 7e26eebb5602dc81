"""Weights that people ask for, and what the worker found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0048_optimizations"
down_revision = "0046_base_currency"
branch_labels = None
depends_on = None

STATES = "state IN ('waiting', 'running', 'done', 'failed')"


def upgrade() -> None:
    op.create_table(
        "portfolio_optimization",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("asked", postgresql.JSONB(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(STATES, name="portfolio_optimization_state_known"),
        sa.CheckConstraint("(state = 'done') = (result IS NOT NULL)", name="portfolio_optimization_result"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "portfolio_optimization_of_a_person", "portfolio_optimization", ["user_id", "account_id", "created_at"]
    )
    op.create_index(
        "portfolio_optimization_due",
        "portfolio_optimization",
        ["created_at"],
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.execute("CREATE POLICY own ON portfolio_optimization USING (acts_for_all() OR user_id = acting_person())")
    op.execute("ALTER TABLE portfolio_optimization ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE portfolio_optimization FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("portfolio_optimization")
