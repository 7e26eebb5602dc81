"""Before sign-in: the sign-in page, the first set-up, the welcome after it, and what is not there."""

import reflex as rx

from starkmatter.accounts.setup import owner_exists
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.ui.components.icons import logo
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.guard import allow


class DoorState(rx.State):
    """Whether somebody has set this installation up."""

    no_owner: bool = False
    problem: str = ""

    @rx.event
    @allow("public")
    async def load(self) -> None:
        """Ask once per visit."""
        try:
            self.no_owner, self.problem = not await owner_exists(backends()), ""
        except StarkMatterError as error:
            self.problem = error.text


def _door(*children: rx.Component, class_name: str = "") -> rx.Component:
    return rx.el.main(
        rx.el.div(
            rx.el.div(logo(), rx.el.span("StarkMatter"), class_name="brand"),
            *children,
            class_name=f"card {class_name}",
        ),
        class_name="door",
    )


def _field(label: str, name: str, kind: str, complete: str, **more) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=name),
        rx.el.input(id=name, name=name, type=kind, auto_complete=complete, required=True, class_name="input", **more),
        class_name="field",
    )


def login() -> rx.Component:
    """Sign in."""
    return _door(
        rx.el.div(
            rx.el.h1("Sign in"),
            rx.el.p("Your own trading platform, on your own machine.", class_name="soft"),
            class_name="grid",
            style={"gap": "4px"},
        ),
        rx.cond(
            DoorState.no_owner,
            rx.el.div(
                "Nobody has set this installation up yet. Open the set-up link that was printed at the first start; "
                "`starkmatter user setup-link` prints a new one.",
                class_name="note warn",
            ),
        ),
        RestForm.create(
            rx.el.div(
                _field("E-mail", "email", "email", "username", auto_focus=True),
                _field("Passphrase", "password", "password", "current-password"),
                class_name="grid",
            ),
            rx.el.button("Sign in", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/login",
            next="/",
            meter=False,
        ),
    )


def setup() -> rx.Component:
    """Create the owner with the one-time link."""
    return _door(
        rx.el.div(
            rx.el.h1("Make it yours"),
            rx.el.p("You are the owner of this installation. This link works once.", class_name="soft"),
            class_name="grid",
            style={"gap": "4px"},
        ),
        RestForm.create(
            rx.el.div(
                _field("Your name", "display_name", "text", "name", auto_focus=True, max_length=80),
                _field("E-mail", "email", "email", "username", max_length=254),
                _field("Passphrase", "password", "password", "new-password", min_length=12, max_length=128),
                class_name="grid",
            ),
            rx.el.button("Create the owner", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/register",
            next="/welcome",
            meter=True,
        ),
    )


def welcome() -> rx.Component:
    """What to start with."""
    return _door(
        rx.el.div(
            rx.el.h1("You are in"),
            rx.el.p("Nothing here touches real money: this is where most people begin.", class_name="soft"),
            class_name="grid",
            style={"gap": "4px"},
        ),
        rx.el.a(
            rx.el.div(
                rx.el.b("Practice on the replay market with $100,000"),
                rx.el.p(
                    "Ten years of real daily history, played forward with live prices, a bid, an ask and a clock. "
                    "It is open at any hour, and every fill comes with a receipt that explains it.",
                    class_name="soft small",
                ),
                class_name="grid",
                style={"gap": "6px"},
            ),
            href="/",
            class_name="note",
            id="start-replay",
        ),
        rx.el.a("Go to the dashboard", href="/", class_name="btn primary wide"),
        class_name="wide",
    )


def not_found() -> rx.Component:
    """An address that leads nowhere."""
    return _door(
        rx.el.h1("There is no such page"),
        rx.el.p("The address may be old or mistyped. Nothing was lost.", class_name="soft"),
        rx.el.a("Go to the dashboard", href="/", class_name="btn primary wide"),
    )
