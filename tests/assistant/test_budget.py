"""The purse: what a call may cost is set aside before it, what it did cost is booked exactly, and never beyond."""

import asyncio
from decimal import Decimal

import pytest

from starkmatter.assistant import service
from starkmatter.assistant.budget import budget_of, reserve, settle, settle_lost_calls, spending
from starkmatter.assistant.ports import Usage
from starkmatter.assistant.prices import PRICES, cost_of, price_of, saved_by_cache, worst_cost
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, Refused, Unavailable
from tests.assistant.conftest import ask, connect, last, new_chat
from tests.builders import Desk
from tests.standins.claude import ClaudeStandIn, Reply, say, use

SONNET = "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        # 1,000 x 2 + 500 x 10 + 4,000 x 2.50 + 20,000 x 0.10, a million to the dollar.
        (SONNET, Usage(1_000, 500, 4_000, 20_000), "0.019"),
        (SONNET, Usage(1, 0, 0, 0), "0.000002"),
        (SONNET, Usage(0, 0, 1, 1), "0.000003"),
        ("claude-opus-5-5", Usage(1_000, 500, 4_000, 20_000), "0.038"),
        ("claude-fable-5-1", Usage(1_000, 500, 4_000, 20_000), "0.09"),
        # A prompt of 100,000 tokens is still in the first band of Haiku, one more token is not.
        ("claude-haiku-5-5", Usage(50_000, 1_000, 0, 50_000), "0.006"),
        ("claude-haiku-5-5", Usage(50_001, 1_000, 0, 50_000), "0.030001"),
        (SONNET, Usage(), "0"),
    ],
)
def test_a_call_costs_what_a_hand_reckons(model: str, usage: Usage, usd: str) -> None:
    assert cost_of(model, usage) == Decimal(usd)


def test_the_cache_saves_what_the_same_tokens_would_have_cost() -> None:
    assert saved_by_cache(SONNET, Usage(1_000, 500, 0, 20_000)) == Decimal("0.038")
    assert saved_by_cache(SONNET, Usage(0, 0, 4_000, 0)) == Decimal("-0.002")


@pytest.mark.parametrize("model", list(PRICES))
def test_no_usage_within_the_bounds_costs_more_than_the_worst_case(model: str) -> None:
    for prompt in (0, 10, 60_000, 99_000, 120_000):
        worst = worst_cost(model, prompt, 4_096)
        for usage in (Usage(prompt, 4_096), Usage(0, 4_096, prompt), Usage(0, 4_096, 0, prompt), Usage(prompt // 2, 9)):
            assert cost_of(model, usage) <= worst


def test_a_model_without_a_price_is_refused() -> None:
    with pytest.raises(Refused, match="No price is known"):
        price_of("claude-unheard-of-9")


@pytest.mark.parametrize("text", ["", "much", "NaN", "Infinity", "-1", "10001", "1e99", "20 USD"])
def test_a_budget_that_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        budget_of(text)


async def take(desk: Desk, budget: str, prompt_bytes: int = 38_000) -> str:
    """One reservation: 40,000 tokens into the cache and 1,000 out is 0.11 USD."""
    leave = await reserve(
        desk.b, desk.caller, "chat", SONNET, Decimal(budget), prompt_bytes=prompt_bytes, max_tokens=1_000
    )
    assert leave.worst_usd == Decimal("0.11")
    return str(leave.id)


async def test_of_calls_at_once_exactly_as_many_pass_as_fit(desk: Desk) -> None:
    for round_ in range(5):
        await desk.b.db.run("DELETE FROM ai_call")
        await desk.b.db.run("DELETE FROM ai_month")
        tries = await asyncio.gather(*[take(desk, "0.80") for _ in range(24)], return_exceptions=True)
        passed = [one for one in tries if isinstance(one, str)]
        assert len(passed) == 7, round_
        assert all(isinstance(one, Refused) for one in tries if not isinstance(one, str))
        assert (await spending(desk.b, desk.caller)).counted_usd == Decimal("0.77")


async def test_what_was_not_used_is_free_again_and_what_is_unknown_is_not(desk: Desk) -> None:
    def leave():
        return reserve(desk.b, desk.caller, "chat", SONNET, Decimal("0.30"), prompt_bytes=38_000, max_tokens=1_000)

    used, unknown = await leave(), await leave()
    with pytest.raises(Refused, match="does not hold this question"):
        await leave()
    assert await settle(desk.b, used, Usage(1_000, 100)) == Decimal("0.003")
    assert await settle(desk.b, unknown, None) == Decimal("0.11")
    free = await leave()
    assert await settle(desk.b, free, None, may_cost=False) == 0
    assert (await spending(desk.b, desk.caller)).counted_usd == Decimal("0.113")
    await settle(desk.b, used, Usage(9_000_000, 0))
    assert (await spending(desk.b, desk.caller)).counted_usd == Decimal("0.113"), "a call is settled once"


async def test_a_crash_leaves_the_reservation_counted_until_it_counts_as_spent(desk: Desk) -> None:
    await take(desk, "0.20")
    assert await settle_lost_calls(desk.b) == 0
    with pytest.raises(Refused):
        await take(desk, "0.20")
    await desk.b.db.run("UPDATE ai_call SET created_at = now() - interval '11 minutes'")
    assert await settle_lost_calls(desk.b) == 1
    with pytest.raises(Refused):
        await take(desk, "0.20")
    rows = await desk.b.db.tuples("SELECT spent_usd, outcome FROM ai_call")
    assert rows == [(Decimal("0.11"), "lost")]


async def test_spending_is_counted_by_person(desk: Desk) -> None:
    other = await desk.person()
    await take(desk, "5")
    await take(other, "5")
    await take(other, "5")
    assert (await spending(desk.b, desk.caller)).own_usd == Decimal("0.11")
    theirs = await spending(desk.b, other.caller)
    assert (theirs.own_usd, theirs.own_calls, theirs.counted_usd) == (Decimal("0.22"), 2, Decimal("0.33"))


@pytest.mark.parametrize("change", [{"budget_usd": "0"}, {"budget_usd": "lots"}, {"model": "claude-unheard-of-9"}])
async def test_without_budget_or_price_nothing_is_asked(
    desk: Desk, claude: ClaudeStandIn, change: dict[str, str]
) -> None:
    await connect(desk.b, **change)
    chat = await new_chat(desk)
    try:
        heard = await ask(desk, chat)
    except InvalidInput:
        heard = [("problem", {"text": "budget"})]
    assert any(name == "problem" for name, _ in heard)
    assert claude.asked == []


async def test_without_a_database_nothing_is_reserved(desk: Desk, claude: ClaudeStandIn) -> None:
    dead = Database("postgresql://nobody@127.0.0.1:9/none", name="test", max_size=1)
    b = type(desk.b)(desk.b.settings, dead, desk.b.cache)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(_reserve_on(b, desk), 20)


async def _reserve_on(b, desk: Desk) -> None:
    await b.db.open()
    try:
        await reserve(b, desk.caller, "chat", SONNET, Decimal(5), prompt_bytes=1, max_tokens=1)
    finally:
        await b.db.close()


async def test_an_answer_costs_the_sum_of_its_calls_to_the_cent(desk: Desk, claude: ClaudeStandIn) -> None:
    one = {
        "input_tokens": 900,
        "output_tokens": 120,
        "cache_creation_input_tokens": 3_000,
        "cache_read_input_tokens": 0,
    }
    two = {
        "input_tokens": 40,
        "output_tokens": 310,
        "cache_creation_input_tokens": 700,
        "cache_read_input_tokens": 3_000,
    }
    claude.answer_in_turn(use(("get_clock", {}), usage=one), say("Open [1].", usage=two))
    chat = await new_chat(desk)
    await ask(desk, chat)
    shown = await last(desk, chat)
    # 900x2 + 120x10 + 3000x2.5 = 10,500; 40x2 + 310x10 + 700x2.5 + 3000x0.1 = 5,230 millionths.
    assert shown.cost_usd == Decimal("0.01573")
    # Without the cache: 3,900x2 + 1,200 and 3,740x2 + 3,100, which is 19,580.
    assert shown.saved_usd == Decimal("0.00385")
    status = await service.analyst_status(desk.b, desk.caller)
    assert (status.counted_usd, status.own_usd, status.own_calls) == (Decimal("0.01573"), Decimal("0.01573"), 2)


@pytest.mark.parametrize(
    ("reply", "free"),
    [(Reply(status=529), True), (Reply(status=401), True), (say("Half an answer and more", cut_after=5), False)],
)
async def test_a_refusal_is_free_and_a_broken_answer_counts_in_full(
    desk: Desk, claude: ClaudeStandIn, reply: Reply, free: bool
) -> None:
    claude.answer_in_turn(reply)
    await ask(desk, await new_chat(desk))
    rows = await desk.b.db.tuples("SELECT reserved_usd, spent_usd, outcome FROM ai_call")
    [(reserved, spent, outcome)] = rows
    assert (spent, outcome) == ((0, "free") if free else (reserved, "unknown"))
    assert reserved > 0
