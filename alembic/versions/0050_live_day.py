"""Orders of real money in groups and with conditions, and a rule of what one account may order a day in all."""

from pathlib import Path

from alembic import op

revision = "0050_live_day"
down_revision = "0052_groups_asked"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
KINDS = "'trades_per_day', 'loss_per_day', 'cooldown_mins', 'position_value', 'position_pct', 'no_averaging_down'"
RULE_KIND = "trading_rule_kind_known"
FUNCTIONS = (
    "allow_live_leg(trade_order)",
    "live_day_words(uuid, text, text, numeric, uuid, numeric)",
    "live_ordered_today(uuid)",
)


def upgrade() -> None:
    op.drop_constraint(RULE_KIND, "trading_rule")
    op.create_check_constraint(RULE_KIND, "trading_rule", f"kind IN ({KINDS}, 'live_per_day')")
    op.create_index("live_permit_allowed", "live_permit", ["account_id", "allowed_at"])
    _run("0050_live.sql")


def downgrade() -> None:
    op.execute("DROP TRIGGER trade_order_live_guarded ON trade_order")
    _run("0050_live_before.sql")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("live_permit_allowed", "live_permit")
    op.execute("DELETE FROM trading_rule WHERE kind = 'live_per_day'")
    op.drop_constraint(RULE_KIND, "trading_rule")
    op.create_check_constraint(RULE_KIND, "trading_rule", f"kind IN ({KINDS})")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
