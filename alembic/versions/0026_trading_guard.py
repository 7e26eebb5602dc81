"""Kill switches, pauses of a broker and the owner's own rules, asked where an order is taken and where it is sent."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0026_trading_guard"
down_revision = "0024_order_language"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
KINDS = "'trades_per_day', 'loss_per_day', 'cooldown_mins', 'position_value', 'position_pct', 'no_averaging_down'"
FUNCTIONS = (
    "cancel_open_orders(uuid[], jsonb, int, timestamptz)",
    "turn_off_stop(uuid, jsonb)",
    "turn_on_stop(uuid, uuid, uuid, text, boolean, boolean, text, uuid, jsonb, timestamptz)",
    "guard_covered(uuid, uuid, text)",
    "lock_covered(uuid, uuid, text)",
    "guard_new_account()",
    "note_sale()",
    "may_need_caution(account, text, timestamptz, timestamptz)",
    "is_guarded(uuid, uuid, text)",
    "guard_words(account, jsonb)",
    "money_words(numeric, text)",
    "rules_in_force(uuid, uuid)",
    "stop_words(uuid, text, text, numeric, uuid)",
    "only_reduces(uuid, text, text, numeric, uuid)",
)


def upgrade() -> None:
    op.add_column("account", sa.Column("guarded", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    for name in ("last_order_at", "sold_at", "loss_at"):
        op.add_column("account", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "trading_stop",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("broker", sa.String(), nullable=True),
        sa.Column("allows_reducing", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("user_id IS NULL OR account_id IS NULL", name="trading_stop_one_scope"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "user_id", "account_id", "broker", name="trading_stop_scope", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_table(
        "trading_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Numeric(20, 6), nullable=True),
        sa.Column("loosens_to", sa.Numeric(20, 6), nullable=True),
        sa.Column("loosens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="trading_rule_kind_known"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "user_id", "account_id", "kind", name="trading_rule_key", postgresql_nulls_not_distinct=True
        ),
    )
    _run((SQL_DIR / "0026_guard.sql").read_text(encoding="utf-8"))
    _run((SQL_DIR / "0026_submit.sql").read_text(encoding="utf-8"))
    _run((SQL_DIR / "0026_walls.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for name in ("submit_orders", "replace_order"):
        _run(_function("0024_language.sql", name))
    op.execute("DROP TRIGGER account_guarded ON account")
    op.execute("DROP TRIGGER holding_sold ON holding")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("trading_rule")
    op.drop_table("trading_stop")
    op.execute("DROP FUNCTION sees_accounts_of(uuid), is_an_admin()")
    for name in ("loss_at", "sold_at", "last_order_at", "guarded"):
        op.drop_column("account", name)


def _function(file: str, name: str) -> str:
    """The former definition of a function, from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start)] + "END $$;"


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
