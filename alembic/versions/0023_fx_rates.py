"""Reference rates of the euro by day; those that the border refuses are counted as other data is."""

import sqlalchemy as sa
from alembic import op

revision = "0023_fx_rates"
down_revision = "0022_corporate_actions"
branch_labels = None
depends_on = None

WHAT = "market_refusal_what_known"


def upgrade() -> None:
    op.create_table(
        "fx_rate",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("per_euro", sa.Numeric(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("per_euro > 0", name="fx_rate_positive"),
        sa.PrimaryKeyConstraint("day", "currency"),
    )
    op.drop_constraint(WHAT, "market_refusal")
    known = "what IN ('answer', 'quote', 'bar', 'action', 'rate', 'suspect')"
    op.create_check_constraint(WHAT, "market_refusal", known)


def downgrade() -> None:
    op.execute("DELETE FROM market_refusal WHERE what = 'rate'")
    op.drop_constraint(WHAT, "market_refusal")
    op.create_check_constraint(WHAT, "market_refusal", "what IN ('answer', 'quote', 'bar', 'action', 'suspect')")
    op.drop_table("fx_rate")
