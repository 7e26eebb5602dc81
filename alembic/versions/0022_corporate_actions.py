"""Splits, cash dividends and dates of earnings, refused ones counted; what an instrument is called by ISIN and FIGI."""

import sqlalchemy as sa
from alembic import op

revision = "0022_corporate_actions"
down_revision = "0021_history"
branch_labels = None
depends_on = None

WHAT = "market_refusal_what_known"


def upgrade() -> None:
    op.create_table(
        "corporate_split",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ex_on", sa.Date(), nullable=False),
        sa.Column("numerator", sa.Numeric(), nullable=False),
        sa.Column("denominator", sa.Numeric(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("numerator > 0 AND denominator > 0", name="corporate_split_positive"),
        sa.PrimaryKeyConstraint("symbol", "ex_on"),
    )
    op.create_table(
        "corporate_dividend",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ex_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("pay_on", sa.Date(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="corporate_dividend_positive"),
        sa.PrimaryKeyConstraint("symbol", "ex_on"),
    )
    op.create_table(
        "earnings_date",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("reports_on", sa.Date(), nullable=False),
        sa.Column("hour", sa.String(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("hour IN ('before_open', 'after_close', 'unknown')", name="earnings_date_hour_known"),
        sa.PrimaryKeyConstraint("symbol", "reports_on"),
    )
    op.create_table(
        "action_coverage",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("earnings_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("symbol"),
    )
    op.drop_constraint(WHAT, "market_refusal")
    op.create_check_constraint(WHAT, "market_refusal", "what IN ('answer', 'quote', 'bar', 'action', 'suspect')")
    for name in ("isin", "figi"):
        op.add_column("instrument", sa.Column(name, sa.String(12), nullable=True))


def downgrade() -> None:
    for name in ("figi", "isin"):
        op.drop_column("instrument", name)
    op.execute("DELETE FROM market_refusal WHERE what = 'action'")
    op.drop_constraint(WHAT, "market_refusal")
    op.create_check_constraint(WHAT, "market_refusal", "what IN ('answer', 'quote', 'bar', 'suspect')")
    for table in ("action_coverage", "earnings_date", "corporate_dividend", "corporate_split"):
        op.drop_table(table)
