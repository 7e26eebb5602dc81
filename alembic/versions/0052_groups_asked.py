"""Orders of no group ask no group: the two questions about one are not run for what is null.

`role = 'entry' AND group_sells(...)` is not decided by a role that is null, so every booking of a lone order ran both
functions: a third of its time in the database.
"""

from alembic import op

revision = "0052_groups_asked"
down_revision = "0045_live_orders"
branch_labels = None
depends_on = None

QUESTIONS = ("group_left(uuid)", "group_sells(uuid, uuid)")


def upgrade() -> None:
    for question in QUESTIONS:
        op.execute(f"ALTER FUNCTION {question} STRICT")


def downgrade() -> None:
    for question in QUESTIONS:
        op.execute(f"ALTER FUNCTION {question} CALLED ON NULL INPUT")
