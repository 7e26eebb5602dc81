"""A data key of its own for each sealed row, wrapped by a key whose version the row names."""

import sqlalchemy as sa
from alembic import op

revision = "0017_vault"
down_revision = "0016_oidc"
branch_labels = None
depends_on = None

SEALED = ("vault_secret", "user_totp", "signing_key")


def upgrade() -> None:
    for table in SEALED:
        op.add_column(table, sa.Column("wrapped_key", sa.LargeBinary(), nullable=True))
        op.add_column(table, sa.Column("kek_version", sa.String(), nullable=True))


def downgrade() -> None:
    for table in SEALED:
        if (
            op.get_bind()
            .execute(sa.text(f"SELECT EXISTS (SELECT FROM {table} WHERE wrapped_key IS NOT NULL)"))
            .scalar()
        ):
            raise RuntimeError(
                f"{table} holds secrets under data keys, which an older version cannot open and this step would"
                " destroy. Bring back a backup from before, or delete those rows and enter the secrets again."
            )
    for table in SEALED:
        op.drop_column(table, "kek_version")
        op.drop_column(table, "wrapped_key")
