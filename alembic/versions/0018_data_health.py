"""What the border of market data turned away, and the order in which its sources are asked."""

import sqlalchemy as sa
from alembic import op

revision = "0018_data_health"
down_revision = "0017_vault"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "market_refusal",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("excerpt", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.CheckConstraint("what IN ('answer', 'quote', 'bar', 'suspect')", name="market_refusal_what_known"),
        sa.PrimaryKeyConstraint("provider", "symbol", "what", "reason", "hour_at"),
    )
    op.create_index("market_refusal_newest", "market_refusal", ["at"])
    op.create_table(
        "market_source",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("adapter"),
    )


def downgrade() -> None:
    op.drop_table("market_source")
    op.drop_table("market_refusal")
