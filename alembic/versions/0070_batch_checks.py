"""What looks at new rows one by one looks at those of a statement together: orders of held and live accounts, legs.

The rules stay what they were, and so do their words. A row-level trigger asked the account of each new order twice and
summed up each entry's legs in a query of its own; the rows of one statement are now joined with their accounts once and
their legs summed up once.
"""

from pathlib import Path

from alembic import op

revision = "0070_batch_checks"
down_revision = "0066_order_lots"
branch_labels = None
depends_on = None

SQL_DIR = Path(__file__).parent.parent / "sql"
TRACKED = """
CREATE FUNCTION refuse_tracked_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM account WHERE id = NEW.account_id AND broker = 'tracked') THEN
        RAISE EXCEPTION 'a tracked account is held elsewhere: nothing is traded on it here'
              USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    for name, table in (
        ("trade_order_not_tracked", "trade_order"),
        ("trade_order_live_allowed", "trade_order"),
        ("ledger_entry_balanced", "ledger_entry"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for function in ("refuse_tracked_order", "allow_live_order", "check_balanced"):
        op.execute(f"DROP FUNCTION {function}()")
    # The same rules, of a row that is handed over instead of a trigger's.
    live = _former("0050_live.sql", "FUNCTION allow_live_order() RETURNS trigger", "END $$;")
    for former, now in (
        ("FUNCTION allow_live_order() RETURNS trigger", "FUNCTION allow_live_order(p trade_order) RETURNS void"),
        ("RETURN NULL;", "RETURN;"),
        ("(NEW)", "(p)"),
        ("NEW.", "p."),
    ):
        assert former in live
        live = live.replace(former, now)
    _run(live)
    _run((SQL_DIR / "0070_checks.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for name, table in (
        ("trade_order_checked", "trade_order"),
        ("ledger_entry_balanced", "ledger_entry"),
    ):
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for function in ("check_new_orders()", "allow_live_order(trade_order)", "check_balanced()"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(TRACKED)
    op.execute(
        "CREATE TRIGGER trade_order_not_tracked BEFORE INSERT ON trade_order "
        "FOR EACH ROW WHEN (NEW.status <> 'risk_rejected') EXECUTE FUNCTION refuse_tracked_order()"
    )
    _run(_former("0050_live.sql", "FUNCTION allow_live_order() RETURNS trigger", "END $$;"))
    op.execute(
        "CREATE TRIGGER trade_order_live_allowed AFTER INSERT ON trade_order "
        "FOR EACH ROW WHEN (NEW.status <> 'risk_rejected') EXECUTE FUNCTION allow_live_order()"
    )
    _run(_former("0001_journal.sql", "FUNCTION check_balanced()", "END $$;"))
    op.execute(
        "CREATE TRIGGER ledger_entry_balanced BEFORE INSERT ON ledger_entry "
        "FOR EACH ROW EXECUTE FUNCTION check_balanced()"
    )


def _former(file: str, starts: str, ends: str) -> str:
    """A definition from the migration that made it."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    start = text.index(starts)
    return "CREATE " + text[start : text.index(ends, start)] + ends


def _run(text: str) -> None:
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
