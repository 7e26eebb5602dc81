"""Before sign-in: the sign-in page, the first set-up, the welcome after it, and what is not there."""

import reflex as rx
from reflex.event import noop
from reflex_components_core.base.error_boundary import ErrorBoundary

from starkmatter.accounts.oidc.providers import list_providers
from starkmatter.accounts.sessions import caller_of_cookie_header
from starkmatter.accounts.setup import owner_exists
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.ui.components.icons import candles, icon, logo
from starkmatter.ui.components.parts import form_field
from starkmatter.ui.live.components import PasskeySignIn, ProviderButtons, RestForm
from starkmatter.ui.state.guard import allow
from starkmatter.ui.state.rows import Row


class DoorState(rx.State):
    """Whether somebody has set this installation up, and where else one can sign in. Who is signed in is sent on."""

    no_owner: bool = False
    providers: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("public")
    async def load(self):
        """Ask once per visit."""
        try:
            b = backends()
            if await caller_of_cookie_header(b, self.router.headers.cookie) is not None:
                return rx.redirect("/")
            self.no_owner, self.problem = not await owner_exists(b), ""
            self.providers = [{"slug": one.slug, "title": one.title} for one in await list_providers(b)]
        except StarkMatterError as error:
            self.problem = error.text
        return None


PROMISES = (
    "Practice on ten years of real history, played forward at your pace",
    "Every fill comes with a receipt: the quote, the rule, each fee",
    "A double-entry ledger that balances to the cent",
    "Your machine, your data, no account anywhere else",
)


def _door(*children: rx.Component, pitch: bool = False) -> rx.Component:
    return rx.el.main(
        _pitch() if pitch else rx.fragment(),
        rx.el.div(
            rx.el.div(
                rx.el.div(logo(), rx.el.span("StarkMatter"), class_name="brand"),
                *children,
                class_name="card",
            ),
            class_name="place",
        ),
        class_name="door",
    )


def _pitch() -> rx.Component:
    """What this is, beside the form where there is room."""
    return rx.el.div(
        candles(),
        rx.el.div(logo(), rx.el.span("StarkMatter"), class_name="brand"),
        rx.el.div(
            rx.el.h2("A trading desk that explains itself."),
            rx.el.ul(*[rx.el.li(icon("check"), text) for text in PROMISES]),
            class_name="words",
            style={"marginBottom": "auto"},
        ),
        rx.el.span("Paper trading until you connect a broker: no order leaves this machine.", class_name="foot"),
        class_name="pitch",
    )


def _heading(title: str, text: str) -> rx.Component:
    return rx.el.div(rx.el.h1(title), rx.el.p(text, class_name="soft"), class_name="grid", style={"gap": "4px"})


def login() -> rx.Component:
    """Sign in."""
    return _door(
        _heading("Sign in", "Your own trading platform, on your own machine."),
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
                form_field("E-mail", "email", "email", "username", auto_focus=True),
                form_field("Passphrase", "password", "password", "current-password"),
                class_name="grid",
            ),
            rx.el.button("Sign in", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/login",
            next="/",
            meter=False,
        ),
        PasskeySignIn.create(next="/"),
        ProviderButtons.create(providers=DoorState.providers, invited=False),
        rx.el.a("I have forgotten my passphrase", href="/forgot", class_name="soft small"),
        pitch=True,
    )


def second_step() -> rx.Component:
    """The code of one's own second factor, after a provider has said who it is."""
    return _door(
        _heading(
            "One more step",
            "The provider says that it is you. Your second factor here is asked all the same, so that who gets into "
            "your account there does not get in here.",
        ),
        RestForm.create(
            form_field(
                "Code of your authenticator app, or a recovery code",
                "totp",
                "text",
                "one-time-code",
                auto_focus=True,
                max_length=40,
            ),
            rx.el.button("Sign in", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/oidc/finish",
            next="/",
        ),
        rx.el.a("Back to the sign-in", href="/login", class_name="soft small"),
        pitch=True,
    )


def forgot() -> rx.Component:
    """Ask for a link that sets a new passphrase."""
    return _door(
        _heading("A new passphrase", "A link by mail lets you choose one. Your second factor stays as it is."),
        RestForm.create(
            form_field("E-mail", "email", "email", "username", auto_focus=True, max_length=254),
            rx.el.button("Send me a link", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/password/forgot",
            on_done=noop(),
        ),
        rx.el.a("Back to the sign-in", href="/login", class_name="soft small"),
        pitch=True,
    )


def reset() -> rx.Component:
    """Choose a new passphrase with the link."""
    return _door(
        _heading("Choose a new passphrase", "This link works once. You sign in anew afterwards, on every device."),
        RestForm.create(
            form_field(
                "New passphrase", "password", "password", "new-password", auto_focus=True, min_length=12, max_length=128
            ),
            rx.el.button("Set the passphrase", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/password/reset",
            next="/login",
            meter=True,
            link_field="token",
        ),
        pitch=True,
    )


def setup() -> rx.Component:
    """Create the owner with the one-time link."""
    return _door(
        _heading("Make it yours", "Choose a name and a passphrase. This link works once."),
        RestForm.create(
            rx.el.div(
                form_field("Your name", "display_name", "text", "name", auto_focus=True, max_length=80),
                form_field("E-mail", "email", "email", "username", max_length=254),
                form_field("Passphrase", "password", "password", "new-password", min_length=12, max_length=128),
                class_name="grid",
            ),
            rx.el.button("Create the owner", type="submit", class_name="btn primary wide"),
            action="/api/v1/auth/register",
            next="/welcome",
            meter=True,
            link_field="setup_token",
        ),
        ProviderButtons.create(providers=DoorState.providers, invited=True),
        pitch=True,
    )


def welcome() -> rx.Component:
    """What to start with."""
    return _door(
        _heading("You are in", "Nothing here touches real money: this is where most people begin."),
        rx.el.a(
            icon("trade"),
            rx.el.div(
                rx.el.b("Practice on the replay market with $100,000"),
                rx.el.p(
                    "Ten years of real daily history, played forward with live prices, a bid, an ask and a clock. "
                    "It is open at any hour, and every fill comes with a receipt that explains it.",
                    class_name="soft small",
                ),
            ),
            href="/",
            class_name="choice",
            id="start-replay",
        ),
        RestForm.create(
            rx.el.div(
                rx.el.input(type="hidden", name="name", value="Market paper"),
                rx.el.input(type="hidden", name="venue", value="market"),
                rx.el.button(
                    icon("portfolio"),
                    rx.el.div(
                        rx.el.b("Trade today's market with $100,000 on paper"),
                        rx.el.p(
                            "Prices of the US market, seconds old, without a key. Orders fill while New York trades "
                            "and wait otherwise.",
                            class_name="soft small",
                        ),
                    ),
                    type="submit",
                    class_name="choice second",
                    id="start-market",
                ),
            ),
            action="/api/v1/accounts",
            next="/",
        ),
        rx.el.p(
            "Your practice account is ready either way. More accounts: Settings, Accounts.", class_name="muted small"
        ),
        pitch=True,
    )


def not_found() -> rx.Component:
    """An address that leads nowhere."""
    return _door(
        rx.el.h1("There is no such page"),
        rx.el.p("The address may be old or mistyped. Nothing was lost.", class_name="soft"),
        rx.el.a("Go to the dashboard", href="/", class_name="btn primary wide"),
    )


def boundary(_stateful: bool) -> rx.Component:
    """Around every page: our own words instead of a stack trace when drawing fails."""
    return ErrorBoundary.create(fallback_render=rx.Var.create(_broken()), on_error=noop())


def _broken() -> rx.Component:
    return _door(
        rx.el.h1("This page could not be drawn"),
        rx.el.p(
            "Your orders and your account are not affected: they live on the server. Load the page again.",
            class_name="soft",
        ),
        rx.el.a("Load again", href="", class_name="btn primary wide"),
    )
