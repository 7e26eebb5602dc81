"""A stale proof stops the page's events too, and a token from before a proof opens no door within a second."""

import asyncio
import time

import pytest
from reflex_base.registry import RegistrationContext

import starkmatter.starkmatter  # noqa: F401 - registers every page and state
from starkmatter.ui.state.guard import needs_fresh
from tests.security.conftest import PASSPHRASE, Estate
from tests.security.product import Person, Product
from tests.security.test_sockets import REVOKED_WITHIN_SECS, answers, drained, stream_of
from tests.security.wire import Wire, wire

pytestmark = pytest.mark.process

STATES = "reflex___state____state.starkmatter___ui___state___"
STEP_UP = f"{STATES}guard____step_up_state"
PEOPLE = f"{STATES}admin____people_state"
CONNECTIONS = f"{STATES}connections____connections_state"
SETTINGS = "reflex___state____state.starkmatter___ui___state___settings____settings_state"


def test_these_events_take_a_fresh_proof() -> None:
    known = RegistrationContext.ensure_context().event_handlers
    assert {name for name in known if needs_fresh(name)} == {
        f"{PEOPLE}.give_role",
        f"{PEOPLE}.keep_out",
        f"{CONNECTIONS}.forget",
        f"{STATES}approvals____approvals_state.confirm",
        f"{STATES}approvals____approvals_state.confirm_read",
        f"{STATES}limits____limits_state.turn_off",
        f"{SETTINGS}.end_session",
        f"{SETTINGS}.end_others",
        f"{STATES}oidc____identities_state.unlink",
        f"{STEP_UP}.go_on",
    }


def role_of(product: Product, person: Person) -> str:
    with product.database() as connection:
        row = connection.execute("SELECT role FROM app_user WHERE id = %s", (person.id,)).fetchone()
    assert row is not None
    return str(row[0])


async def asked(line: Wire) -> bool:
    """Whether the dialog is open in this tab."""
    return bool((await line.state())[STEP_UP]["asked_rx_state_"])


async def test_an_event_with_a_stale_proof_waits_and_goes_on_after_a_fresh_one(
    product: Product, estate: Estate
) -> None:
    admin, other = product.again(estate.owner, fresh=False), product.person("trader")
    asks = {"user_id": str(other.id), "role": "viewer"}
    async with wire(product, admin) as line:
        await line.call(f"{PEOPLE}.give_role", asks)
        await line.settled_twice()
        assert await asked(line)
        await line.call(f"{STEP_UP}.go_on")  # saying that it is proven proves nothing
        await line.settled_twice()
        assert await asked(line)
        assert role_of(product, other) == "trader"
        product.prove(admin.email)
        await line.call(f"{STEP_UP}.go_on")
        await line.settled_twice()
        assert not await asked(line)
        assert role_of(product, other) == "viewer"


async def test_who_would_rather_not_has_left_it(product: Product, estate: Estate) -> None:
    admin, other = product.again(estate.owner, fresh=False), product.person("trader")
    async with wire(product, admin) as line:
        await line.call(f"{PEOPLE}.keep_out", {"user_id": str(other.id), "out": True})
        await line.settled_twice()
        assert await asked(line)
        await line.call(f"{STEP_UP}.leave_it")
        await line.settled_twice()
        assert not await asked(line)
        product.prove(admin.email)
        await line.call(f"{STEP_UP}.go_on")
        await line.settled_twice()
    with product.client(other) as http:
        assert http.get("/api/v1/auth/me").status_code == 200


async def test_what_a_person_may_not_do_does_not_wait_for_a_proof(product: Product, estate: Estate) -> None:
    trader, other = product.person("trader"), product.person("trader")
    product.prove(trader.email, minutes_ago=6)
    async with wire(product, trader) as line:
        await line.call(f"{PEOPLE}.give_role", {"user_id": str(other.id), "role": "viewer"})
        await line.settled_twice()
        assert not await asked(line)
        product.prove(trader.email)
        await line.call(f"{STEP_UP}.go_on")
        await line.settled_twice()
    assert role_of(product, other) == "trader"


async def test_a_token_from_before_a_proof_opens_no_door_within_a_second(product: Product, estate: Estate) -> None:
    person = product.again(estate.owner)
    async with wire(product, person) as line, stream_of(product, person.cookie) as stream:
        assert await answers(line)
        with product.client(person) as http:
            assert http.post("/api/v1/auth/step-up", json={"password": PASSPHRASE}).status_code == 200
            renewed_at = time.monotonic()
            fresh = Person(person.id, person.email, person.name, "", http.cookies["starkmatter_session"])
            assert http.get("/api/v1/auth/me", headers={"cookie": person.cookie}).status_code == 401
        told = len(line.frames)
        await line.call(f"{SETTINGS}.load")
        async with wire(product, fresh) as own, stream_of(product, fresh.cookie) as kept:
            assert await answers(own)
            await asyncio.sleep(max(0.0, renewed_at + REVOKED_WITHIN_SECS - time.monotonic()))
            await asyncio.wait_for(drained(stream), 3)
            assert stream.close_code == 4402
            assert await answers(own)
            assert kept.close_code is None
            assert len(line.frames) == told


async def test_a_tab_keeps_its_state_when_its_session_gets_another_token(product: Product, estate: Estate) -> None:
    person = product.again(estate.owner, fresh=False)
    async with wire(product, person, token="stays-the-same") as line:
        await line.call(f"{PEOPLE}.keep_out", {"user_id": str(estate.account_id), "out": True})
        await line.settled_twice()
        assert await asked(line)
    with product.client(person) as http:
        http.post("/api/v1/auth/step-up", json={"password": PASSPHRASE})
        fresh = Person(person.id, person.email, person.name, "", http.cookies["starkmatter_session"])
    async with wire(product, fresh, token="stays-the-same") as line:
        assert await asked(line)
