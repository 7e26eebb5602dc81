"""Drawings and templates of charts: each person's own, behind the second wall like all that is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019_chart"
down_revision = "0018_data_health"
branch_labels = None
depends_on = None

OWN = ("chart_drawing", "chart_template")


def _of_person() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "chart_drawing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("points", JSONB(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("width", sa.SmallInteger(), nullable=False),
        sa.Column("words", sa.String(), nullable=False, server_default=""),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("venue IN ('replay', 'market')", name="chart_drawing_venue_known"),
        sa.CheckConstraint(
            "kind IN ('trend', 'horizontal', 'fibonacci', 'rectangle', 'text')", name="chart_drawing_kind_known"
        ),
        sa.CheckConstraint("jsonb_array_length(points) BETWEEN 1 AND 2", name="chart_drawing_points_few"),
        sa.CheckConstraint("width BETWEEN 1 AND 4", name="chart_drawing_width_known"),
        sa.CheckConstraint("length(words) <= 200", name="chart_drawing_words_short"),
        _of_person(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("chart_drawing_of_symbol", "chart_drawing", ["user_id", "venue", "symbol"])
    op.create_table(
        "chart_template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("look", JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 40", name="chart_template_name_short"),
        _of_person(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "name", name="chart_template_once"),
    )
    for table in OWN:
        op.execute(f"CREATE POLICY own ON {table} USING (acts_for_all() OR user_id = acting_person())")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in reversed(OWN):
        op.drop_table(table)
