"""Alerts, their crossings and the mails that wait to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0007_alerts"
down_revision = "0006_assistant"
branch_labels = None
depends_on = None


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_person() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("threshold", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("note", sa.String(), nullable=False, server_default=""),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.Column("repeats", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("armed", sa.Boolean(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        _instant("fired_at", nullable=True),
        sa.CheckConstraint("venue IN ('replay', 'market')", name="alert_venue_known"),
        sa.CheckConstraint(
            "kind IN ('price_above', 'price_below', 'day_up_pct', 'day_down_pct')", name="alert_kind_known"
        ),
        sa.CheckConstraint("threshold > 0", name="alert_threshold_positive"),
        _of_person(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alert_user_id", "alert", ["user_id"])
    op.create_index("alert_watched", "alert", ["venue", "symbol"], postgresql_where=sa.text("active"))
    op.create_table(
        "alert_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False, server_default=""),
        sa.Column("price", sa.Numeric(precision=18, scale=6), nullable=False),
        _instant("venue_at"),
        _instant("fired_at"),
        _instant("seen_at", nullable=True),
        _of_person(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alert_event_newest", "alert_event", ["user_id", sa.text("id DESC")])
    op.create_table(
        "mail_outbox",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False, server_default="0"),
        _instant("created_at"),
        _instant("next_at"),
        _instant("sent_at", nullable=True),
        sa.Column("words", sa.String(), nullable=False, server_default=""),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'dead')", name="mail_outbox_state_known"),
        _of_person(),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_mail_outbox_user_id", "mail_outbox", ["user_id"])
    op.create_index(
        "mail_outbox_waiting",
        "mail_outbox",
        ["next_at"],
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )
    op.create_table(
        "mail_choice",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("daily_summary", sa.Boolean(), nullable=False),
        _instant("updated_at"),
        _of_person(),
        sa.PrimaryKeyConstraint("user_id"),
    )


def downgrade() -> None:
    for table in ("mail_choice", "mail_outbox", "alert_event", "alert"):
        op.drop_table(table)
