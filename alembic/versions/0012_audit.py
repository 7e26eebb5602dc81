"""The audit log: a hash chain that only grows, and how far the journals have been read into it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_audit"
down_revision = "0011_sign_in"
branch_labels = None
depends_on = None

SQL_FILE = Path(__file__).parent.parent / "sql" / "0012_audit.sql"
JOURNALS = ("order_event", "ledger_entry")


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index(
        "audit_event_source", "audit_event", ["source"], unique=True, postgresql_where=sa.text("source IS NOT NULL")
    )
    newest_first = sa.literal_column("sequence DESC")
    op.create_index("audit_event_actor", "audit_event", ["actor_id", newest_first])
    op.create_index("audit_event_subject", "audit_event", ["subject_type", "subject_id", newest_first])
    op.create_table(
        "audit_position",
        sa.Column("journal", sa.String(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("journal"),
    )
    # Costs an insert next to nothing: the hot path writes these two.
    for journal in JOURNALS:
        op.create_index(f"{journal}_booked", journal, ["booked_at"], postgresql_using="brin")
    op.get_bind().exec_driver_sql(SQL_FILE.read_text(encoding="utf-8").replace("%", "%%"))
    op.execute(
        "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION append_audit")
    op.execute("DROP FUNCTION audit_canonical")
    op.execute("DROP FUNCTION audit_field")
    for journal in JOURNALS:
        op.drop_index(f"{journal}_booked", table_name=journal)
    op.drop_table("audit_position")
    op.drop_table("audit_event")
