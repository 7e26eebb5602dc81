"""The reports page's state: what can be chosen, what is mailed, which links are out, and whose they are."""

from datetime import date

import pytest

from starkmatter.portfolio.reporting.links import make_link
from starkmatter.portfolio.reporting.schedules import list_schedules, make_schedule
from starkmatter.portfolio.reporting.wishes import read_wish
from starkmatter.ui.state.reports import ReportsState, period_rows
from tests.ui.conftest import Tab


def test_periods_offered_are_those_that_the_account_has_lived_through() -> None:
    keys = [row["key"] for row in period_rows(date(2024, 3, 1), date(2024, 2, 10))]
    assert keys == ["2024-03", "2024-02", "2024-Q1", "2024", "2024-W08", "2024-02-10..2024-03-01"]
    young = [row["key"] for row in period_rows(date(2024, 3, 1), date(2024, 3, 1))]
    assert young == ["2024-03", "2024-Q1", "2024", "2024-03-01..2024-03-01"]


async def test_the_page_shows_choices_schedules_and_links(tab: Tab) -> None:
    desk = tab.desk
    await make_schedule(desk.b, desk.caller, [desk.account_id], "month")
    wish = read_wish([desk.account_id], "2021-Q1", ["summary"], amounts=False)
    made, url = await make_link(desk.b, desk.caller, wish, label="Adviser", expires_days=7)
    state = await tab.at("/portfolio/reports").state(ReportsState)
    await state.load()
    assert (state.ready, state.problem, state.chosen) == (True, "", str(desk.account_id))
    assert [(row["every"], row["mail"]) for row in state.schedules] == [("Monthly", "none yet")]
    [row] = state.links
    assert (row["label"], row["used"], row["hint"]) == ("Adviser", "never", made.hint)
    assert row["what"] == "Quarter 1, 2021. Practice: summary, percentages only"
    assert url.rpartition("/")[2] not in str(state.dict())
    assert (state.mail_ready, state.mail_to) == (False, desk.caller.email)
    await state.revoke(row["id"])
    assert state.links == []
    await state.stop(state.schedules[0]["id"])
    assert state.schedules == []


@pytest.mark.parametrize("given", ["x", "", "00000000-0000-4000-8000-000000000001"])
async def test_what_is_not_ones_own_is_not_there(tab: Tab, given: str) -> None:
    stranger = await tab.desk.person()
    await make_schedule(stranger.b, stranger.caller, [stranger.account_id], "week")
    state = await tab.at("/portfolio/reports").state(ReportsState)
    await state.stop(given)
    assert "There is no such" in state.problem
    await state.revoke(given)
    assert "There is no such" in state.problem
    assert len(await list_schedules(stranger.b, stranger.caller)) == 1
