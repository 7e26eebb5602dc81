"""Shares that go from one account to another of the same person, with the lots that went."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0053_lot_transfers"
down_revision = "0048_optimizations"
branch_labels = None
depends_on = None

TABLE = "lot_transfer"
QTY = sa.Numeric(24, 9)
MONEY = sa.Numeric(20, 6)
INSTANT = sa.DateTime(timezone=True)
# Both accounts are the acting person's own: nothing goes from one person to another.
OWNS_BOTH = (
    "(SELECT count(*) FROM account a WHERE a.id IN (from_account_id, to_account_id)"
    " AND a.user_id = acting_person()) = 2"
)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_account_id", sa.Uuid(), nullable=False),
        sa.Column("to_account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("qty", QTY, nullable=False),
        sa.Column("worth", MONEY, nullable=False),
        sa.Column("cost", MONEY, nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("lots", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("lot_qtys", postgresql.ARRAY(QTY), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("out_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("in_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("venue_at", INSTANT, nullable=False),
        sa.Column("booked_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint("from_account_id <> to_account_id", name="lot_transfer_between_two"),
        sa.CheckConstraint("qty > 0", name="lot_transfer_of_shares"),
        sa.CheckConstraint("origin IN ('moved', 'matched')", name="lot_transfer_origin_known"),
        sa.CheckConstraint("method IN ('fifo', 'lifo', 'hifo')", name="lot_transfer_method_known"),
        sa.CheckConstraint("cardinality(lots) = cardinality(lot_qtys)", name="lot_transfer_has_a_quantity_for_each"),
        sa.ForeignKeyConstraint(["from_account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["to_account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["out_entry_id"], ["ledger_entry.id"]),
        sa.ForeignKeyConstraint(["in_entry_id"], ["ledger_entry.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    stands = sa.text("ended_at IS NULL")
    op.create_index("lot_transfer_out", TABLE, ["out_entry_id"], unique=True, postgresql_where=stands)
    op.create_index("lot_transfer_in", TABLE, ["in_entry_id"], unique=True, postgresql_where=stands)
    op.create_index("lot_transfer_from", TABLE, ["from_account_id", "booked_at"])
    op.create_index("lot_transfer_to", TABLE, ["to_account_id", "booked_at"])
    op.execute(
        f"CREATE POLICY see ON {TABLE} FOR SELECT"
        " USING (acts_for_all() OR sees_account(from_account_id) OR sees_account(to_account_id))"
    )
    op.execute(f"CREATE POLICY add ON {TABLE} FOR INSERT WITH CHECK (acts_for_all() OR {OWNS_BOTH})")
    op.execute(f"CREATE POLICY change ON {TABLE} FOR UPDATE USING (acts_for_all() OR {OWNS_BOTH})")
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    # What was moved would be told without its other side: an old version knows neither kind of entry.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM lot_transfer) THEN "
        "RAISE EXCEPTION 'Shares were moved between accounts: these books cannot be told by an older version.'; "
        "END IF; END $$"
    )
    op.drop_table(TABLE)
