"""What the guard lets through: declared handlers, and only the arguments they are annotated with."""

import pytest

import starkmatter.starkmatter  # noqa: F401 - registers every page and state
from starkmatter.ui.state.guard import FRAMEWORK_HANDLERS, declared, fits

ROOT = "reflex___state____state"
STATES = f"{ROOT}.starkmatter___ui___state___"
TICKET = f"{STATES}ticket____ticket_state"
REPLAY = f"{STATES}settings____replay_state"
SETTINGS = f"{STATES}settings____settings_state"
FORM = "__reflex_form_data__"


@pytest.mark.parametrize(
    ("name", "who"),
    [
        (f"{ROOT}.starkmatter___ui___pages___door____door_state.load", "public"),
        (f"{SETTINGS}.load", "user"),
        (f"{TICKET}.send", "trader"),
        (f"{REPLAY}.restart", "admin"),
        (f"{ROOT}.hydrate", "framework"),
        (f"{TICKET}.setvar", None),
        (f"{TICKET}._look", None),
        (f"{TICKET}.nothing_of_that_name", None),
        (f"{ROOT}.reflex___state____update_vars_internal_state.update_vars_internal", None),
        (f"{ROOT}.reflex___state____frontend_event_exception_state.handle_frontend_exception", None),
        ("", None),
        ("send", None),
        (f"{TICKET}.send ", None),
        (f"{TICKET.upper()}.SEND", None),
    ],
)
def test_a_handler_is_open_to_those_it_names_and_what_is_not_declared_to_nobody(name: str, who: str | None) -> None:
    assert declared(name) == who


def test_every_framework_handler_on_the_list_exists() -> None:
    assert all(fits(name, {"value": True}) or fits(name, {}) for name in FRAMEWORK_HANDLERS)


@pytest.mark.parametrize(
    ("handler", "payload"),
    [
        (f"{TICKET}.choose", {"field": "side", "value": "sell"}),
        (f"{TICKET}.take_percent", {"percent": 25}),
        (f"{TICKET}.start_review", {"form": {"qty": "10"}}),
        (f"{TICKET}.start_review", {"form": {FORM: [["qty", "10"], ["limit", None]]}}),
        (f"{TICKET}.start_review", {"form": {}}),
        (f"{TICKET}.send", {}),
        (f"{SETTINGS}.choose_swap", {"swap": False}),
        (f"{ROOT}.hydrate_and_load", {"vars": {}, "hashes": None}),
    ],
)
def test_what_our_own_pages_send_fits(handler: str, payload: object) -> None:
    assert fits(handler, payload)


@pytest.mark.parametrize(
    ("handler", "payload"),
    [
        (f"{TICKET}.choose", {"field": "side"}),
        (f"{TICKET}.choose", {"field": ["side"], "value": "sell"}),
        (f"{TICKET}.choose", {"field": "side", "value": "sell", "self": "x"}),
        (f"{TICKET}.choose", {"field": "side", "value": "se\0ll"}),
        (f"{TICKET}.take_percent", {"percent": "25"}),
        (f"{TICKET}.take_percent", {"percent": True}),
        (f"{TICKET}.take_percent", {"percent": 25.5}),
        (f"{TICKET}.start_review", {"form": None}),
        (f"{TICKET}.start_review", {"form": [["qty", "10"]]}),
        (f"{TICKET}.start_review", {"form": {"qty": 10}}),
        (f"{TICKET}.start_review", {"form": {FORM: [["qty", 10]]}}),
        (f"{TICKET}.start_review", {"form": {FORM: [["qty"]]}}),
        (f"{TICKET}.start_review", {"form": {FORM: [[["qty"], "10"]]}}),
        (f"{TICKET}.start_review", {"form": {FORM: "qty"}}),
        (f"{TICKET}.start_review", {"form": {FORM: [], "qty": "10"}}),
        (f"{TICKET}.start_review", {"form": {FORM: [["qty", "1\0"]]}}),
        (f"{ROOT}.hydrate_and_load", {"vars": {FORM: "x"}}),
        (f"{TICKET}.send", {"order_id": "x"}),
        (f"{TICKET}.send", []),
        (f"{TICKET}.send", "x"),
        (f"{TICKET}.send", None),
        (f"{SETTINGS}.choose_swap", {"swap": "false"}),
        (f"{SETTINGS}.choose_swap", {"swap": 1}),
    ],
)
def test_arguments_of_another_type_are_refused(handler: str, payload: object) -> None:
    assert not fits(handler, payload)
