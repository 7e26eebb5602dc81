"""What every seam stands on: the vault's sealed keys and the timetable's runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003_seams"
down_revision = "0002_market"
branch_labels = None
depends_on = None


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "vault_secret",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("hints", JSONB(), nullable=False),
        _instant("updated_at"),
        _instant("tested_at", nullable=True),
        sa.Column("tested_ok", sa.Boolean(), nullable=True),
        sa.Column("tested_text", sa.String(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["owner_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "owner_id", name="vault_secret_key", postgresql_nulls_not_distinct=True),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        _instant("scheduled_for"),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        _instant("asked_at"),
        _instant("claimed_at", nullable=True),
        _instant("finished_at", nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=False, server_default=""),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint("outcome IN ('done', 'failed', 'interrupted')", name="job_run_outcome_known"),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job", "scheduled_for", name="job_run_key"),
    )
    op.create_index("job_run_latest", "job_run", ["job", sa.text("id DESC")])
    op.create_index("job_run_waiting", "job_run", ["id"], postgresql_where=sa.text("claimed_at IS NULL"))


def downgrade() -> None:
    op.drop_table("job_run")
    op.drop_table("vault_secret")
