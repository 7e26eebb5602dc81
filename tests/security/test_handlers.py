"""Every event handler, called by name from a raw socket: nobody gets or changes what is not theirs."""

import asyncio
import inspect
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import pytest
from reflex_base.registry import RegistrationContext

import starkmatter.starkmatter  # noqa: F401 - registers every page and state
from starkmatter.ui.state.guard import FRAMEWORK_HANDLERS, declared, fits, undeclared_handlers
from tests.security.conftest import Estate
from tests.security.product import Product, tracebacks, web_lines
from tests.security.wire import Wire, wire

# Each calls every handler there is.
pytestmark = [pytest.mark.process, pytest.mark.timeout(480)]

OURS = "starkmatter___ui"
BOOT = "reflex___state____state.hydrate_and_load"
MARK = "payload-2c94"
LONG = MARK + "x" * 2_000
VALUES: tuple[Any, ...] = (True, 7, {MARK: MARK}, None)  # that a var is set to


def handlers() -> dict[str, Any]:
    return dict(RegistrationContext.ensure_context().event_handlers)


WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    7,
    2**63,
    1e308,
    -0.5,
    "",
    "0",
    f"{MARK}\x00",
    LONG,
    f"'; DROP TABLE app_user; -- {MARK}",
    f"../../{MARK}",
    "٣",
    "{{7*7}}",
    [],
    [[MARK]],
    [1, 2, 3],
    {},
    {MARK: MARK},
    {"__class__": {"__init__": MARK}},
    {"qty": [MARK], "limit": {}, "display_name": {"a": [MARK]}, "start_on": [], "seed": {}, "query": [MARK]},
    [None] * 300,
    {"__reflex_form_data__": MARK},
    {"__reflex_form_data__": [[MARK], [[MARK], MARK], 5]},
    {"__reflex_form_data__": [["qty", [MARK]], ["display_name", {}], ["start_on", 7]]},
    {"__reflex_form_data__": [["qty", "10"]], "qty": MARK},
    {"__reflex_form_data__": None},
)
assert len(WRONG) >= 20
ENOUGH = 200  # for each handler; by day a part of them
SOME = 40
MAX_REFUSAL_CHARS = 256
TABS = 4
AT_ONCE = 8  # handlers whose events may wait in a tab: after so many it is asked whether all are worked off


def wrongly_typed() -> Iterator[Any]:
    """Some hundreds, no two alike: numbers at their limits, and everything that is no form in every wrong place."""
    yield from WRONG
    for power in (8, 15, 16, 31, 32, 53, 63):
        yield from (2**power - 1, -(2**power), 2**power + 0.5)
    yield from (5e-324, -1e308, 1e-9)
    for atom in (
        None,
        True,
        -1,
        2**63,
        0.1,
        MARK,
        f"{MARK}\x00",
        f"\u202e{MARK}",
        f"{MARK} ﷽ 👩\u200d👩\u200d👧 e\u0301",
        f"<img src=x onerror='{MARK}'>",
        MARK * 40,
    ):
        yield from ([atom], [atom] * 3, [[atom]], [[[[atom]]]], [[MARK, atom]], [{MARK: atom}], [atom, {}], [[], atom])
        yield from ({MARK: atom}, {"0": [atom]}, {"a": {"b": {"c": atom}}}, {"__class__": {"__init__": [atom]}})
        yield from ({"$ne": [atom]}, {"__proto__": {MARK: atom}}, {"then": [[atom]]}, {"qty": {"limit": atom}})
        for entries in (atom, [atom], [[atom]], [[MARK, atom, atom]], [["qty", [atom]]], {"qty": atom}):
            yield {"__reflex_form_data__": entries}
        yield {"__reflex_form_data__": [["qty", atom]], "qty": atom}
        yield {"__reflex_form_data__": [["qty", [atom]], ["note", {"a": atom}]]}


def arguments(handler: Any) -> list[str]:
    return [name for name in inspect.signature(handler.handler.fn).parameters if name != "self"]


def payloads(handler: Any, ids: list[str]) -> Iterator[Any]:
    """Plausible ones, with the owner's ids, and wrong types in every argument."""
    names = arguments(handler)
    plausible = [*ids, str(uuid4()), "sell", "limit", "light", "10", 25, True]
    forms = [{"qty": "10", "limit": "100.00", "display_name": "Mallory", "start_on": "2019-01-02", "seed": "9"}]
    yield {}
    for value in (*plausible, *forms, *WRONG):
        yield dict.fromkeys(names, value) if names else {"unexpected": value}
    if len(names) > 1:
        yield from ({**dict.fromkeys(names, "buy"), name: value} for name in names for value in WRONG)
    yield {**dict.fromkeys(names, "x"), "self": MARK, "one_more": MARK}
    yield {"order_id": ids[0], "fill_id": ids[0], "vars": {MARK: MARK}, "var_name": "name", "value": MARK}


async def call_everything(line: Wire, ids: list[str]) -> int:
    """Send every payload to every handler; how many were sent."""
    count = 0
    for number, (name, handler) in enumerate(handlers().items()):
        for payload in payloads(handler, ids):
            await line.call(name, payload)
            count += 1
        if number % AT_ONCE == 0:
            await line.settled()
    await line.settled_twice()
    return count


def test_every_handler_of_ours_says_who_may_call_it_and_only_the_frameworks_own_are_undeclared() -> None:
    known = handlers()
    ours = {name for name in known if OURS in name and not name.endswith(".setvar")}
    assert len(ours) > 40
    assert {name for name in ours if declared(name) is None} == set()
    refused = set(undeclared_handlers())
    assert {name for name in refused if OURS in name and not name.endswith(".setvar")} == set()
    assert {name.rpartition(".")[2] for name in refused} == {
        "setvar",
        "update_vars_internal",
        "handle_frontend_exception",
    }
    assert set(known) - ours - refused == set(FRAMEWORK_HANDLERS)


@pytest.mark.parametrize("role", [None, pytest.param("viewer", marks=pytest.mark.nightly), "trader"])
async def test_a_raw_client_that_calls_every_handler_changes_and_learns_nothing(
    product: Product, estate: Estate, role: str | None
) -> None:
    person = product.person(role) if role else None
    before, mark = product.tables(but_of=person), product.log_mark
    async with wire(product, person) as line:
        assert await call_everything(line, estate.ids) > 1_000
        frames = "".join(line.frames)
    assert product.tables(but_of=person) == before
    # What a caller says of themselves may come back to them: the owner's ids were in their own payloads.
    learned = [secret for secret in estate.secrets if secret in frames and secret not in estate.ids]
    assert learned == []
    log = product.log_since(mark)
    assert tracebacks(log) == []
    assert MARK not in log


async def send_wrongly_typed(line: Wire, mine: list[tuple[str, Any]], enough: int) -> dict[str, int]:
    """Send what a handler's annotations do not take until it was enough; how many that were for each, all different."""
    counts = {}
    for number, (name, handler) in enumerate(mine):
        sent: set[str] = set()
        for value in wrongly_typed():
            payload = dict.fromkeys(arguments(handler), value) or {"one_more": value}
            if len(sent) < enough or value in WRONG:
                await line.call(name, payload)
                if not fits(name, payload):
                    sent.add(json.dumps(payload))
        counts[name] = len(sent)
        if number % AT_ONCE == 0:
            await line.settled()
    await line.settled_twice()
    return counts


@pytest.mark.parametrize("enough", [SOME, pytest.param(ENOUGH, marks=pytest.mark.nightly)])
async def test_even_the_owners_wrongly_typed_payloads_end_in_no_traceback(
    product: Product, estate: Estate, enough: int
) -> None:
    admin = product.again(estate.owner)
    before, mark = product.tables(), product.log_mark
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(wire(product, admin)) for _ in range(TABS)]
        mine = [list(handlers().items())[n::TABS] for n in range(TABS)]
        counts = await asyncio.gather(*(send_wrongly_typed(*one, enough) for one in zip(lines, mine, strict=True)))
    assert {name for count in counts for name in count} == set(handlers())
    assert {name: n for count in counts for name, n in count.items() if n < enough} == {}
    log = product.log_since(mark)
    assert tracebacks(log) == []
    assert MARK not in log
    refusals = [one for one in web_lines(log) if one.get("message") == "event refused"]
    assert refusals
    assert [one for one in refusals if len(json.dumps({**one, "handler": ""})) > MAX_REFUSAL_CHARS] == []
    after = product.tables()
    # A truth value is right for the colors of change and for the daily mail, and whoever first looks at watchlists gets
    # one; nothing else may differ.
    assert {name for name in before if before[name] != after[name]} <= {"app_user", "mail_choice", "watchlist"}
    with product.client(estate.owner) as http:
        me = http.get("/api/v1/auth/me").json()
    assert (me["email"], me["display_name"], me["role"]) == (estate.owner.email, estate.owner.name, "owner")


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '["event"]',
        '["event",null]',
        f'["event","{MARK}"]',
        f'["event",["{MARK}"]]',
        '["event",{}]',
        '["event",{"name":null}]',
        *(f'["event",{{"name":"x","payload":{payload}}}]' for payload in (f'"{MARK}"', "[1]", "[[1,2]]", "5", "null")),
        f'["event",{{"name":["{MARK}"],"payload":{{}}}}]',
        f'["event",{{"name":"reflex___state____state.hydrate","payload":{{}},"router_data":"{MARK}"}}]',
        '["event",{"name":"reflex___state____state.hydrate","payload":{},"router_data":{"pathname":[1],"query":7}}]',
        f'["link_token","{MARK}"]',
        f'["{MARK}",1]',
        '{"not":"a list"}',
        "[" * 3_000 + "]" * 3_000,
        '["event",{"name":"x","payload":{"a":' + '{"a":' * 2_000 + "1" + "}" * 2_000 + "}}]",
        "not json at all",
    ],
)
async def test_a_malformed_message_closes_the_socket_and_leaves_no_payload_in_the_log(
    product: Product, body: str
) -> None:
    mark = product.log_mark
    async with wire(product) as line:
        await line.say("42/_event," + body)
        await line.ended()
    log = product.log_since(mark)
    assert tracebacks(log) == []
    assert MARK not in log
    assert len(log) < 2_000


@pytest.mark.parametrize(
    "body",
    [
        f'["event",{{"name":"x.y","payload":{{"a":"{LONG}"}}}}]',
        '["event",{"name":"reflex___state____state.hydrate","payload":{},"router_data":{"headers":{"cookie":"x"}}}]',
        f'["event",{{"name":"x.y","payload":{{}},"handler":"{MARK}","substate_token":"{MARK}"}}]',
        f'["client_error",{{"error_type":"{MARK * 1_000}","message":"{LONG}"}}]',
        '["client_error",{"error_type":[1],"message":{"a":[]}}]',
        '["ping"]',
    ],
)
async def test_a_strange_message_of_the_right_form_leaves_one_short_line_at_most(product: Product, body: str) -> None:
    mark = product.log_mark
    async with wire(product) as line:
        for _ in range(20):
            await line.say("42/_event," + body)
        await line.settled()
    log = product.log_since(mark)
    assert tracebacks(log) == []
    assert LONG[:300] not in log
    assert len(log) < 4_000


def _backend_names(state: Any) -> dict[str, Any]:
    return {name: field for name, field in state.get_fields().items() if name.startswith("_")}


def _vars() -> list[tuple[str, str]]:
    import reflex as rx

    found, waiting = [], [rx.State]
    while waiting:
        state = waiting.pop()
        waiting += state.get_substates()
        found += [(state.get_full_name(), name) for name in {**state.vars, **_backend_names(state)}]
    return found


@pytest.mark.parametrize("each", [1, pytest.param(len(VALUES), marks=pytest.mark.nightly)])
async def test_setvar_and_update_vars_internal_change_no_var_of_any_state(
    product: Product, estate: Estate, each: int
) -> None:
    """By day each var is tried with the mark and one value in turn, by night with all."""
    person = product.person("viewer")
    async with wire(product, person) as line:
        await line.call(
            "reflex___state____state.starkmatter___ui___state___settings____settings_state.load", path="/settings"
        )
        before = _comparable(await line.state())
        assert "viewer" in json.dumps(before)
        for number, (state, name) in enumerate(_vars()):
            if number % 50 == 0:
                await line.settled(secs=90)  # thousands of events, which one tab works off one by one
            for value in (MARK, *islice(cycle(VALUES), number, number + each)):
                await line.call(f"{state}.setvar", {"var_name": name, "value": value})
                await line.call(
                    "reflex___state____state.reflex___state____update_vars_internal_state.update_vars_internal",
                    {"vars": {f"{state}.{name}": value}},
                )
                await line.call(BOOT, {"vars": {f"{state}.{name}": value}}, path="/welcome")
        await line.settled_twice(secs=90)
        after = _comparable(await line.state())
        assert after == before
        assert MARK not in json.dumps(after)
        mark = len(line.frames)
        await line.settled()
        assert MARK not in "".join(line.frames[mark:])


def _comparable(state: dict[str, Any]) -> dict[str, Any]:
    """Our own states: the framework's hold the address and whether the page is loading."""
    return {name: values for name, values in state.items() if OURS in name and values}
