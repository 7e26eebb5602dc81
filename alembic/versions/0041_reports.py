"""Reports by mail, and links that show a report to somebody without an account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041_reports"
down_revision = "0040_fill_changes"
branch_labels = None
depends_on = None

# A link is read before anybody is known, like a token of a program: its queries alone name the person.
WALLED = ("report_schedule", "mail_attachment")


def upgrade() -> None:
    op.create_table(
        "report_schedule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("every", sa.String(), nullable=False),
        sa.Column("sections", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("benchmark", sa.String(), nullable=True),
        sa.Column("amounts", sa.Boolean(), nullable=False),
        sa.Column("done_until", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mail_key", sa.String(), nullable=True),
        sa.Column("words", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint("every IN ('week', 'month', 'quarter', 'year')", name="report_schedule_every_known"),
        sa.CheckConstraint("cardinality(account_ids) BETWEEN 1 AND 10", name="report_schedule_has_accounts"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_report_schedule_user_id", "report_schedule", ["user_id"])
    op.create_table(
        "report_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("account_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("sections", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("benchmark", sa.String(), nullable=True),
        sa.Column("amounts", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_ip", sa.String(), nullable=True),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("cardinality(account_ids) BETWEEN 1 AND 10", name="report_link_has_accounts"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash", name="report_link_token"),
    )
    op.create_index("ix_report_link_user_id", "report_link", ["user_id"])
    op.create_table(
        "mail_attachment",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["mail_outbox.key"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
    )
    for table in WALLED:
        op.execute(f"CREATE POLICY own ON {table} USING (acts_for_all() OR user_id = acting_person())")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in ("mail_attachment", "report_link", "report_schedule"):
        op.drop_table(table)
