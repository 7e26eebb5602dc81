"""A session remembers which token it had before its last proof.

An event that was under way on the page's former socket came with a token that was void by then, and emptied the tab's
state: the order that the proof was asked for was gone. Now such an event is known for what it is, and dropped.
"""

import sqlalchemy as sa
from alembic import op

revision = "0097_the_token_before"
down_revision = "0096_twice_in_a_batch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user_session", sa.Column("former_token_hash", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("user_session", "former_token_hash")
