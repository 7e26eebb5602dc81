"""Accounts that follow others: a new beginning under the same name, or a branch with what the other one had."""

import sqlalchemy as sa
from alembic import op

revision = "0031_branches"
down_revision = "0030_margin"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column("account", sa.Column("branch", sa.String(), nullable=True))
    op.add_column("account", sa.Column("as_of", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key("account_parent_id_fkey", "account", "account", ["parent_id"], ["id"])
    op.create_check_constraint("account_branch_known", "account", "branch IN ('reset', 'fork')")
    op.create_check_constraint("account_branch_has_parent", "account", "(branch IS NULL) = (parent_id IS NULL)")


def downgrade() -> None:
    op.drop_constraint("account_branch_has_parent", "account", type_="check")
    op.drop_constraint("account_branch_known", "account", type_="check")
    op.drop_constraint("account_parent_id_fkey", "account", type_="foreignkey")
    for name in ("as_of", "branch", "parent_id"):
        op.drop_column("account", name)
