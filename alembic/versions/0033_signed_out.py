"""An account at a broker where the person's sign-in has ended is in a state of its own."""

from alembic import op

revision = "0033_signed_out"
down_revision = "0031_branches"
branch_labels = None
depends_on = None

KNOWN = "broker_account_state_known"


def upgrade() -> None:
    op.drop_constraint(KNOWN, "broker_account")
    op.create_check_constraint(KNOWN, "broker_account", "state IN ('opening', 'ready', 'away', 'signed_out', 'apart')")


def downgrade() -> None:
    op.execute("UPDATE broker_account SET state = 'away' WHERE state = 'signed_out'")
    op.drop_constraint(KNOWN, "broker_account")
    op.create_check_constraint(KNOWN, "broker_account", "state IN ('opening', 'ready', 'away', 'apart')")
