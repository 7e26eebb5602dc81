"""What the analyst proposed can wait for somebody's confirmation instead of being opened as a ticket."""

import pytest

from starkmatter.accounts.step_up import StepUpNeeded
from starkmatter.assistant.proposals import send_to_approvals
from starkmatter.errors import NotFound, Refused
from starkmatter.trading.approvals.service import confirm, list_approvals
from starkmatter.trading.orders import list_orders
from tests.assistant.test_chat import proposed
from tests.builders import Desk
from tests.standins.claude import ClaudeStandIn


async def test_a_proposal_goes_into_the_queue_as_it_is_and_orders_nothing(desk: Desk, claude: ClaudeStandIn) -> None:
    [proposal], _ = await proposed(desk, claude)
    other = await desk.person("trader")
    with pytest.raises(NotFound):
        await send_to_approvals(desk.b, other.caller, proposal.id, "It closes below 90.")
    waits = await send_to_approvals(desk.b, desk.caller, proposal.id, "It closes below 90.")
    assert (waits.source, waits.thesis, waits.request) == ("assistant", proposal.why, proposal.request)
    assert await list_orders(desk.b, desk.caller) == []
    assert [one.id for one in await list_approvals(desk.b, desk.caller, waiting=True)] == [waits.id]
    with pytest.raises(StepUpNeeded):
        await confirm(desk.b, desk.caller, waits.id, waits.ticket_hash)
    await desk.b.db.run("UPDATE order_proposal SET expires_at = now() - interval '1 second'")
    with pytest.raises(Refused, match="expired"):
        await send_to_approvals(desk.b, desk.caller, proposal.id, "It closes below 90.")
