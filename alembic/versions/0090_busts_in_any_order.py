"""A trade that was taken back before it was told here is remembered, so that the order of telling does not matter.

Such a bust moves nothing, so it has no entry of the ledger. And of each order it is kept what the newest report by the
broker's own clock said of it in all: a bust that is told later than that takes back no more than it did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0090_busts_in_any_order"
down_revision = "0085_ends_set_free"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("fill_change", "entry_id", nullable=True)
    op.add_column("broker_order", sa.Column("told_qty", sa.Numeric(24, 9), nullable=True))
    op.add_column("broker_order", sa.Column("told_value", sa.Numeric(20, 6), nullable=True))
    op.add_column("broker_order", sa.Column("told_status", sa.String(), nullable=True))


def downgrade() -> None:
    # The former version would book the trades that these busts are of.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM fill_change WHERE entry_id IS NULL) THEN RAISE EXCEPTION "
        "'trades were taken back before they were told, which the former version does not keep'; END IF; END $$"
    )
    for name in ("told_status", "told_value", "told_qty"):
        op.drop_column("broker_order", name)
    op.alter_column("fill_change", "entry_id", nullable=False)
