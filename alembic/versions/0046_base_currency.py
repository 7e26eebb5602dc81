"""The currency a person's accounts are shown in together; books in other currencies are valued anew.

Shares that are quoted in another currency stood at their cost there: the worker tells their former days again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0046_base_currency"
down_revision = "0050_live_day"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("app_user", sa.Column("base_currency", sa.String(), nullable=True))
    op.create_check_constraint("app_user_base_currency_is_one", "app_user", "base_currency ~ '^[A-Z]{3}$'")
    op.execute(
        "UPDATE tracked_account t SET stale_since = now() FROM account a"
        " WHERE a.id = t.account_id AND a.currency <> 'USD' AND t.stale_since IS NULL"
    )


def downgrade() -> None:
    op.drop_constraint("app_user_base_currency_is_one", "app_user")
    op.drop_column("app_user", "base_currency")
