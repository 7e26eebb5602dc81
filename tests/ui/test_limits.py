"""Settings, Limits: the switch and the rules as a tab shows and changes them."""

from datetime import timedelta

from starkmatter.domain.limits import LIMIT_KINDS
from starkmatter.trading.guarding.rules import list_rules
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.limits import LimitsState
from starkmatter.ui.state.notices import NoticeState
from tests.builders import make_account
from tests.ui.conftest import Tab


async def opened(tab: Tab) -> LimitsState:
    await (await tab.state(FrameState)).load()
    limits = await tab.state(LimitsState)
    await limits.load()
    return limits


async def test_a_rule_is_set_loosened_withdrawn_and_told_in_words(tab: Tab) -> None:
    limits = await opened(tab)
    assert {row["shown"] for row in limits.rules.values()} == {"No limit"}
    assert set(limits.rules) == set(LIMIT_KINDS)
    await limits.put("trades_per_day", {"value": "5"})
    assert (limits.rules["trades_per_day"]["shown"], limits.said) == ("5", "It counts now.")
    await limits.end("trades_per_day")
    row = limits.rules["trades_per_day"]
    assert (row["shown"], row["pending"]) == ("5", "yes")
    assert row["loosens"].startswith("No limit from ")
    assert limits.said.startswith("That is looser: it counts from ")
    await limits.withdraw("trades_per_day")
    assert limits.rules["trades_per_day"]["pending"] == ""
    for typed in ("five", "2.5", "-1", "1e400", "NaN"):
        await limits.put("trades_per_day", {"value": typed})
        assert limits.problem, typed
    await limits.put("no_such_rule", {"value": "5"})
    assert limits.problem == "There is no such rule."
    assert [str(one.value) for one in await list_rules(tab.desk.b, tab.desk.caller)] == ["5.000000"]


async def test_rules_of_one_account_stand_beside_those_of_each(tab: Tab) -> None:
    limits = await opened(tab)
    await limits.put("position_pct", {"value": "25"})
    await limits.choose_scope("account")
    assert limits.rules["position_pct"]["shown"] == "No limit"
    await limits.put("position_value", {"value": "1,000"})
    assert limits.rules["position_value"]["shown"] == "1,000.00"
    await limits.choose_scope("all")
    assert limits.rules["position_value"]["shown"] == "No limit"
    assert limits.rules["position_pct"]["shown"] == "25 %"


async def test_the_switch_is_on_everywhere_and_off_by_who_may(tab: Tab) -> None:
    limits, notice = await opened(tab), await tab.state(NoticeState)
    await limits.stop("whatever")
    assert limits.stops == []
    limits.toggle_reducing()
    await limits.stop("account")
    assert (limits.stops[0]["takes"], notice.stopped) == ("Only what reduces a position", "reducing")
    second = await make_account(tab.desk.b.db, tab.desk.caller)
    frame = await tab.state(FrameState)
    await frame.load()
    await frame.choose_account(str(second))
    await notice.load()
    assert notice.stopped == ""
    limits.toggle_reducing()
    await limits.stop("mine")
    assert notice.stopped == "all"
    for row in list(limits.stops):
        await limits.turn_off(row["id"])
    assert (limits.stops, notice.stopped) == ([], "")
    await limits.turn_off("not an id")
    assert limits.problem == "There is no such switch."


async def test_a_stale_proof_turns_nothing_off(tab: Tab) -> None:
    limits = await opened(tab)
    await limits.stop("mine")
    await tab.desk.b.db.run("UPDATE user_session SET proven_at = proven_at - %s", (timedelta(minutes=6),))
    await limits.turn_off(limits.stops[0]["id"])
    assert "Sign out and in again" in limits.problem
    assert len(limits.stops) == 1
