"""Which lots a sale takes: the method of an account from a sale on, and lots that a person picked for one sale."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035_lots"
down_revision = "0033_signed_out"
branch_labels = None
depends_on = None

TABLES = ("lot_method", "lot_pick")
OWNS = "EXISTS (SELECT FROM account a WHERE a.id = account_id AND a.user_id = acting_person())"


def upgrade() -> None:
    op.create_table(
        "lot_method",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("after_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("method IN ('fifo', 'lifo', 'hifo', 'average')", name="lot_method_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("lot_method_account", "lot_method", ["account_id", "id"])
    op.create_table(
        "lot_pick",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("lots", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("qtys", postgresql.ARRAY(sa.Numeric(24, 9)), nullable=False),
        sa.Column("venue_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cardinality(lots) = cardinality(qtys)", name="lot_pick_has_a_quantity_for_each"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("lot_pick_account", "lot_pick", ["account_id", "id"])
    # Only added to, by the account's owner alone: what a sale took is not changed by forgetting what was said then.
    for table in TABLES:
        op.execute(f"CREATE POLICY see ON {table} FOR SELECT USING (acts_for_all() OR sees_account(account_id))")
        op.execute(f"CREATE POLICY add ON {table} FOR INSERT WITH CHECK (acts_for_all() OR {OWNS})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
