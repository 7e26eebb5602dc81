"""Currency pairs and coins among the instruments."""

from alembic import op

revision = "0028_pairs"
down_revision = "0027_approvals"
branch_labels = None
depends_on = None

KNOWN = "instrument_kind_known"


def upgrade() -> None:
    op.drop_constraint(KNOWN, "instrument")
    op.create_check_constraint(KNOWN, "instrument", "kind IN ('equity', 'etf', 'index', 'fx', 'crypto')")


def downgrade() -> None:
    op.execute("DELETE FROM instrument WHERE kind IN ('fx', 'crypto')")
    op.drop_constraint(KNOWN, "instrument")
    op.create_check_constraint(KNOWN, "instrument", "kind IN ('equity', 'etf', 'index')")
