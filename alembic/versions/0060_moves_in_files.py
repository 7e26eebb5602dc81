"""Ledgers that were exported say which of their entries are one side of a move of shares, and are read back with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0060_moves_in_files"
down_revision = "0058_bar_key"
branch_labels = None
depends_on = None

BOOKING, PAIR = "import_booking", "lot_transfer"


def upgrade() -> None:
    op.add_column(BOOKING, sa.Column("said_id", sa.BigInteger(), nullable=True))
    op.add_column(BOOKING, sa.Column("moved", postgresql.JSONB(), nullable=True))
    op.create_index(
        "import_booking_moved", BOOKING, [sa.text("(moved ->> 'move')")], postgresql_where=sa.text("moved IS NOT NULL")
    )
    op.add_column(PAIR, sa.Column("mark", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column(PAIR, "mark")
    op.drop_index("import_booking_moved", BOOKING)
    op.drop_column(BOOKING, "moved")
    op.drop_column(BOOKING, "said_id")
