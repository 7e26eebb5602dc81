"""How the sale of one order finds its lots, in place of the account's method."""

import sqlalchemy as sa
from alembic import op

revision = "0066_order_lots"
down_revision = "0065_batch_locks"
branch_labels = None
depends_on = None

OWNS = """EXISTS (SELECT FROM account a JOIN trade_order o ON o.account_id = a.id
                   WHERE a.id = order_lots.account_id AND o.id = order_lots.order_id AND a.user_id = acting_person())"""


def upgrade() -> None:
    op.create_table(
        "order_lots",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("method IN ('fifo', 'lifo', 'hifo')", name="order_lots_method_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["trade_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("order_lots_account", "order_lots", ["account_id", "id"])
    # Only added to, by the account's owner alone: what a sale took is not changed by forgetting what was said then.
    op.execute("CREATE POLICY see ON order_lots FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
    op.execute(f"CREATE POLICY add ON order_lots FOR INSERT WITH CHECK (acts_for_all() OR {OWNS})")
    op.execute("ALTER TABLE order_lots ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE order_lots FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_table("order_lots")
