"""Settings: the person's accounts, opening another one on either market, and sharing them."""

import reflex as rx

from starkmatter.domain.presets import PRESETS
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.opening import at_broker_form, open_form
from starkmatter.ui.components.parts import empty, form_field, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.sharing import SharesState


def accounts() -> rx.Component:
    """Every account, and one more."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Accounts"),
            rx.el.div(
                rx.el.div(
                    panel("Your accounts", _list()),
                    rx.cond(
                        FrameState.may_trade
                        & (FrameState.account["access"] == "own")
                        & (FrameState.account["preset"] != ""),
                        rx.fragment(panel("Branch this account", _fork()), panel("Begin anew", _reset())),
                    ),
                    class_name="w7 grid",
                    style={"alignContent": "start"},
                ),
                panel(
                    "Open an account",
                    rx.cond(
                        FrameState.may_trade,
                        open_form(),
                        empty("Your role looks on", "It may look at accounts but not open one."),
                    ),
                    class_name="w5",
                ),
                # What stands below the list comes with it, and what grows comes last: nothing is pushed away.
                rx.cond(
                    FrameState.ready & FrameState.may_trade, panel("At a broker", at_broker_form(), class_name="w12")
                ),
                rx.cond(FrameState.ready, panel("Sharing", _sharing(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
    )


def _list() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["name"]),
                rx.cond(one["read_only"] == "yes", rx.el.span("READ-ONLY", class_name="badge quiet")),
                rx.cond(
                    one["branch"] != "",
                    rx.el.span(
                        one["branch"], class_name="muted small", style={"display": "block", "whiteSpace": "normal"}
                    ),
                ),
                rx.cond(one["owner"] != "", rx.el.span("of ", one["owner"], class_name="muted small", display="block")),
            ),
            td(rx.cond(one["venue"] == "market", "Market", "Replay"), class_name="soft"),
            td(
                one["mode"],
                rx.cond(one["preset"] != "", rx.el.span(one["preset"], class_name="small", display="block")),
                class_name="muted wideonly-cell",
            ),
            td(one["equity"], num=True),
            td(
                rx.cond(
                    one["id"] == FrameState.account["id"],
                    rx.el.span("Shown", class_name="muted small"),
                    rx.el.button(
                        "Show",
                        type="button",
                        class_name="btn tiny",
                        on_click=FrameState.choose_account(one["id"]),
                    ),
                ),
                num=True,
            ),
        )

    head = [th("Account"), th("Market"), th("Mode", class_name="wideonly-cell"), th("Equity, USD", num=True), th("")]
    return rx.cond(
        FrameState.ready,
        rx.cond(
            FrameState.accounts.length() > 0,
            table(head, rx.foreach(FrameState.accounts, row), "Your accounts"),
            empty("No account yet", "Open the first one beside: it takes a moment and costs nothing."),
        ),
        skeleton_rows(3),
    )


def _sharing() -> rx.Component:
    """Whom the person has let in; for the account that is shown, letting in or leaving."""
    return rx.el.div(
        problem_note(SharesState.problem),
        rx.cond(
            FrameState.account["access"] == "own",
            _share_form(),
            rx.cond(FrameState.account["owner"] != "", _leave()),
        ),
        rx.cond(SharesState.ready, rx.cond(SharesState.shares.length() > 0, _let_in(), _nobody()), skeleton_rows(2)),
    )


def _share_form() -> rx.Component:
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                form_field("Address they sign in with", "email", "email", "off", max_length=254),
                rx.el.div(
                    rx.el.label("They may", html_for="share-level"),
                    rx.el.select(
                        rx.el.option("Look at it", value="view"),
                        rx.el.option("Trade on it", value="trade"),
                        id="share-level",
                        name="level",
                        default_value="view",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                class_name="fields",
            ),
            rx.el.p(
                "Lets them see everything of ",
                rx.el.b(FrameState.account["name"]),
                ", the account that is shown. Cash and keys stay yours alone.",
                class_name="soft small",
            ),
            rx.el.div(rx.el.button("Share this account", type="submit", class_name="btn"), class_name="actions"),
            action="/api/v1/accounts/" + FrameState.account["id"] + "/shares",
            on_done=SharesState.load,
        ),
        class_name="body",
    )


def _leave() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            rx.el.b(FrameState.account["name"]),
            " belongs to ",
            FrameState.account["owner"],
            rx.cond(
                FrameState.account["access"] == "trade", ", who lets you trade on it. ", ", who lets you look at it. "
            ),
        ),
        rx.el.button(
            "Leave this account",
            type="button",
            class_name="btn danger",
            on_click=SharesState.leave(FrameState.account["id"]),
        ),
        class_name="body grid",
    )


def _let_in() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["name"]), rx.el.span(one["email"], class_name="muted small", display="block")),
            td(one["account"]),
            td(one["level"], class_name="soft"),
            td(one["since"], class_name="muted wideonly-cell"),
            td(
                rx.el.button(
                    "End",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=SharesState.end(one["account_id"], one["user_id"]),
                ),
                num=True,
            ),
        )

    head = [th("Person"), th("Account"), th("They"), th("Since", class_name="wideonly-cell"), th("")]
    return table(head, rx.foreach(SharesState.shares, row), "People who see your accounts")


def _nobody() -> rx.Component:
    return empty("Only you", "Nobody else sees an account of yours.")


def _fork() -> rx.Component:
    account = FrameState.account
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                _text_field("fork-name", "name", "Name of the branch", "What if"),
                rx.el.div(
                    rx.el.label("As it was at the close of", html_for="fork-on"),
                    rx.el.input(id="fork-on", name="on", type="date", class_name="input"),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("How hard its market is", html_for="fork-preset"),
                    rx.el.select(
                        rx.el.option("As now", value=""),
                        *[rx.el.option(one.stamp, value=one.name) for one in PRESETS.values()],
                        id="fork-preset",
                        name="preset",
                        default_value="",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                class_name="fields",
            ),
            rx.el.p(
                "Opens a paper account with the cash and shares of ",
                rx.el.b(account["name"]),
                ", as they are now or were at that close. It has no open orders and goes its own way from here; what "
                "the shares have cost comes along.",
                class_name="soft small",
            ),
            rx.el.div(rx.el.button("Open the branch", type="submit", class_name="btn"), class_name="actions"),
            action="/api/v1/accounts/" + account["id"] + "/fork",
            on_done=FrameState.show_newest,
        ),
        class_name="body",
    )


def _reset() -> rx.Component:
    account = FrameState.account
    return rx.el.div(
        RestForm.create(
            _text_field("reset-confirm", "confirm", "Type the account's name to confirm", ""),
            rx.el.p(
                "Ends ",
                rx.el.b(account["name"]),
                ": its open orders are canceled and it can only be read from then on, with its whole ledger. A new "
                "account begins under the same name with what was first paid in. This cannot be taken back.",
                class_name="soft small",
            ),
            rx.el.div(
                rx.el.button("End it and begin anew", type="submit", class_name="btn danger"), class_name="actions"
            ),
            action="/api/v1/accounts/" + account["id"] + "/reset",
            on_done=FrameState.show_newest,
        ),
        class_name="body",
    )


def _text_field(key: str, name: str, label: str, value: str) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=key),
        rx.el.input(
            id=key,
            name=name,
            default_value=value,
            max_length=60,
            required=True,
            auto_complete="off",
            class_name="input",
        ),
        class_name="field",
    )
