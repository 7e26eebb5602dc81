"""Baskets: several orders of one account that are looked at and sent as one."""

import sqlalchemy as sa
from alembic import op

revision = "0043_baskets"
down_revision = "0041_reports"
branch_labels = None
depends_on = None

TABLES = ("basket", "basket_line")


def upgrade() -> None:
    op.create_table(
        "basket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source IN ('person', 'program', 'rebalance')", name="basket_source_known"),
        sa.CheckConstraint("closed_at IS NULL OR sent_at IS NOT NULL", name="basket_closed_once_sent"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["made_by"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sent_by"], ["app_user.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("basket_of_account", "basket", ["account_id", sa.text("created_at DESC")])
    op.create_table(
        "basket_line",
        sa.Column("basket_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("qty", sa.Numeric(24, 9), nullable=False),
        sa.Column("limit_price", sa.Numeric(18, 6), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(), server_default="", nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("place > 0", name="basket_line_place_counts"),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="basket_line_side_known"),
        sa.CheckConstraint("qty > 0", name="basket_line_qty_positive"),
        sa.CheckConstraint("(type = 'limit') = (limit_price IS NOT NULL)", name="basket_line_limit_has_price"),
        sa.ForeignKeyConstraint(["basket_id"], ["basket.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("basket_id", "place"),
        sa.UniqueConstraint("basket_id", "symbol", name="basket_line_symbol_once"),
    )
    for table in TABLES:
        op.execute(f"CREATE POLICY see ON {table} FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
        op.execute(
            f"CREATE POLICY change ON {table} USING (acts_for_all() OR changes_account(account_id))"
            " WITH CHECK (acts_for_all() OR changes_account(account_id))"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
