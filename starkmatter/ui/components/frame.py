"""The frame around every page: rail, top bar, status strip, tab bar on a phone."""

import reflex as rx

from starkmatter.ui.components.icons import icon, logo
from starkmatter.ui.components.palette import overlay
from starkmatter.ui.components.parts import live_total, problem_note
from starkmatter.ui.live.components import LiveRoot, RestForm, StepUp
from starkmatter.ui.state.alerts import CentreState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import StepUpState
from starkmatter.ui.state.notices import NoticeState
from starkmatter.ui.state.palette import PaletteState

NAVIGATION = (
    ("/", "Dashboard", "dashboard"),
    ("/markets", "Markets", "markets"),
    ("/trade/AAPL", "Trade", "trade"),
    ("/portfolio", "Portfolio", "portfolio"),
    ("/orders", "Orders", "orders"),
    ("/news", "News", "news"),
    ("/assistant", "Assistant", "assistant"),
    ("/alerts", "Alerts", "alerts"),
    ("/settings", "Settings", "settings"),
)
ON_PHONE = ("Dashboard", "Markets", "Trade", "Portfolio", "Orders")
SHOWS_ITS_HEADING = {"Trade", "Settings", "Administration"}


def framed(
    page: str,
    content: rx.Component,
    on_order: list | None = None,
    on_pulse: list | None = None,
    heading: str | None = None,
    on_alert: list | None = None,
    *,
    steady: bool = False,
) -> rx.Component:
    """A page in its frame. `page` is its place in the navigation; `on_order` runs when an order changed.

    `heading` is what the page is called where that is not its place. `on_pulse` runs every few seconds while the page
    is seen and, unless `steady`, the market moves. `on_alert` runs when one of the person's alerts fired.
    """
    return rx.el.div(
        rx.el.a("Skip to content", href="#main", class_name="skip"),
        rx.el.div(
            _rail(page),
            _top(on_order or []),
            _live_line(),
            rx.el.main(
                _heading(heading or page),
                problem_note(FrameState.problem),
                problem_note(FrameState.account["call"]),
                content,
                class_name="main",
                id="main",
                tab_index=-1,
            ),
            _strip(),
            _tabs(page),
            class_name="frame",
            custom_attrs={"data-rail": FrameState.rail, "data-live": FrameState.account["live"]},
        ),
        rx.el.div("Connection lost. Reconnecting …", class_name="banner", role="status"),
        overlay(),
        StepUp.create(
            asked=StepUpState.asked, words=StepUpState.words, on_done=StepUpState.go_on, on_leave=StepUpState.leave_it
        ),
        LiveRoot.create(
            venue=FrameState.account["venue"],
            live=FrameState.account["live"],
            theme=FrameState.theme,
            swap=FrameState.swap,
            on_order=[FrameState.refresh, *(on_order or [])],
            on_alert=[FrameState.refresh, CentreState.load, NoticeState.load, *(on_alert or [])],
            on_key=PaletteState.key,
            **({"on_pulse": on_pulse, "steady": steady} if on_pulse else {}),
        ),
    )


def _live_line() -> rx.Component:
    """While an account of real money is shown, on every page: in words, not by the frame's color alone."""
    account = FrameState.account
    return rx.cond(
        account["live"] == "yes",
        rx.el.aside(
            rx.el.b("LIVE · REAL MONEY"),
            rx.el.span(account["name"], class_name="name"),
            class_name="liveline",
            aria_label="An account of real money is shown",
        ),
    )


def _heading(page: str) -> rx.Component:
    """For those who hear the page; where the page shows its own heading, nothing."""
    return rx.fragment() if page in SHOWS_ITS_HEADING else rx.el.h1(page, class_name="sr")


def _link(page: str, href: str, title: str, name: str) -> rx.Component:
    attrs = {"aria-current": "page"} if page == title else {}
    return rx.el.a(icon(name), rx.el.span(title, class_name="label"), href=href, title=title, custom_attrs=attrs)


def _rail(page: str) -> rx.Component:
    return rx.el.nav(
        rx.el.a(
            logo(),
            rx.el.span("StarkMatter", class_name="label"),
            href="/",
            class_name="brand",
            aria_label="StarkMatter",
        ),
        *[_link(page, href, title, name) for href, title, name in NAVIGATION],
        rx.cond(FrameState.is_admin, _link(page, "/admin", "Administration", "admin")),
        rx.el.span(class_name="push"),
        rx.el.button(
            icon("rail"),
            rx.el.span("Collapse", class_name="label"),
            class_name="nav",
            type="button",
            title="Show or hide labels",
            aria_label="Collapse: show or hide labels",
            on_click=FrameState.toggle_rail,
        ),
        class_name="rail",
        aria_label="Pages",
    )


def _tabs(page: str) -> rx.Component:
    """On a phone: the pages of every day, the others behind one more."""
    first = [place for place in NAVIGATION if place[1] in ON_PHONE]
    others = [place for place in NAVIGATION if place[1] not in ON_PHONE]
    here = {"data-here": "yes"} if page not in ON_PHONE else {}
    return rx.el.nav(
        *[_link(page, href, title, name) for href, title, name in first],
        rx.el.details(
            rx.el.summary(icon("more"), rx.el.span("More", class_name="label"), custom_attrs=here),
            rx.el.div(
                *[_link(page, href, title, name) for href, title, name in others],
                rx.cond(FrameState.is_admin, _link(page, "/admin", "Administration", "admin")),
                class_name="list",
            ),
            class_name="menu more",
        ),
        class_name="tabbar",
        aria_label="Pages",
    )


def _top(on_choice: list) -> rx.Component:
    return rx.el.header(
        rx.el.button(
            icon("search"),
            rx.el.span("Search symbols", class_name="hint"),
            rx.el.kbd("/"),
            class_name="searchbox",
            type="button",
            aria_label="Search symbols and pages",
            on_click=PaletteState.open_palette,
        ),
        rx.match(
            FrameState.account["venue"],
            (
                "replay",
                rx.el.span(
                    "REPLAY",
                    rx.el.span(custom_attrs={"data-clock": "date"}),
                    rx.el.span(class_name="wideonly", custom_attrs={"data-clock": "speed"}),
                    class_name="badge replay",
                    title="A market of the past: real daily history, played forward",
                ),
            ),
            (
                "market",
                rx.el.span(
                    "MARKET",
                    rx.el.span(custom_attrs={"data-clock": "date"}),
                    rx.el.span(class_name="phoneonly", custom_attrs={"data-clock": "short"}),
                    class_name="badge market",
                    title="The market of today: US prices as its sources tell them, each with its age",
                ),
            ),
            rx.fragment(),
        ),
        rx.cond(
            FrameState.account["read_only"] == "yes",
            rx.el.span(
                rx.cond(FrameState.account["venue"] == "market", "FROZEN", "FORMER RUN · READ-ONLY"),
                class_name="badge quiet",
            ),
        ),
        rx.cond(
            NoticeState.stopped != "",
            rx.el.a(
                rx.cond(NoticeState.stopped == "all", "STOPPED", "REDUCING ONLY"),
                href="/settings/limits",
                class_name="badge stopped",
                title="A kill switch is on for this account",
            ),
        ),
        rx.cond(
            NoticeState.waiting > 0,
            rx.el.a(
                NoticeState.waiting,
                rx.el.span("to approve", class_name="wideonly"),
                href="/approvals",
                class_name="badge waits",
                title="Proposed orders that wait for your decision",
            ),
        ),
        rx.el.div(
            rx.el.b("–", class_name="mono", custom_attrs={"data-clock": "time"}),
            rx.el.span("Waiting for the market", custom_attrs={"data-clock": "state"}),
            class_name="clock",
        ),
        rx.el.span(class_name="grow"),
        rx.el.span(
            class_name="dot",
            custom_attrs={"data-strip": "dot"},
            title="Data health",
            role="img",
            aria_label="Data health",
        ),
        _centre(),
        _accounts(on_choice),
        _person(),
        class_name="top",
    )


def _centre() -> rx.Component:
    """The bell: how much fired that was not looked at, and the newest of it."""
    return rx.el.details(
        rx.el.summary(
            icon("alerts"),
            rx.cond(CentreState.unseen > 0, rx.el.span(CentreState.unseen, class_name="count")),
            aria_label=rx.cond(
                CentreState.unseen > 0, "Alerts, " + CentreState.unseen.to_string() + " new", "Alerts, none new"
            ),
            on_click=CentreState.open,
        ),
        rx.el.div(
            rx.foreach(
                CentreState.events,
                lambda row: rx.el.a(
                    rx.el.span(row["words"], rx.el.br(), rx.el.span(row["at"], class_name="muted small")),
                    rx.el.span(row["price"], class_name="mono"),
                    href="/alerts",
                ),
            ),
            rx.cond(CentreState.events.length() == 0, rx.el.span("Nothing has fired yet.", class_name="note")),
            rx.el.a("All alerts", href="/alerts"),
            class_name="list",
        ),
        class_name="menu centre",
    )


def mode_badge() -> rx.Component:
    """Paper or real money, and at which broker: nobody should have to look twice."""
    account = FrameState.account
    return rx.el.span(account["mode"], class_name=rx.cond(account["live"] == "yes", "badge live", "badge paper"))


def _accounts(on_choice: list) -> rx.Component:
    return rx.el.details(
        rx.el.summary(
            mode_badge(),
            rx.el.div(
                rx.el.b(
                    live_total(
                        FrameState.holdings,
                        FrameState.account["raw_cash"],
                        "value",
                        FrameState.account["equity"],
                        "mono",
                    ),
                    rx.el.span(" ", FrameState.account["currency"], class_name="muted small"),
                ),
                rx.el.span(FrameState.account["name"]),
                class_name="account",
            ),
            icon("down"),
            rx.el.span("Choose an account", class_name="sr"),
        ),
        rx.el.div(
            rx.foreach(
                FrameState.accounts,
                lambda row: rx.el.button(
                    rx.el.span(
                        row["name"],
                        rx.cond(row["venue"] == "market", rx.el.span(" · market", class_name="muted")),
                        rx.cond(
                            row["owner"] != "",
                            rx.el.span(" · of ", row["owner"], class_name="muted"),
                            rx.cond(row["read_only"] == "yes", rx.el.span(" · former run", class_name="muted")),
                        ),
                    ),
                    rx.el.span(row["equity"], class_name="mono"),
                    type="button",
                    on_click=[FrameState.choose_account(row["id"]), NoticeState.load, *on_choice],
                ),
            ),
            rx.cond(FrameState.may_trade, rx.el.a("Open an account", icon("more"), href="/settings/accounts")),
            class_name="list",
        ),
        class_name="menu account-menu",
    )


def _person() -> rx.Component:
    return rx.el.details(
        rx.el.summary(rx.el.span(FrameState.initials, class_name="avatar"), rx.el.span("Your menu", class_name="sr")),
        rx.el.div(
            rx.el.span(FrameState.name, class_name="note"),
            rx.el.a("Settings", href="/settings"),
            rx.el.button("Keys", rx.el.kbd("?"), type="button", on_click=PaletteState.key("keys")),
            RestForm.create(
                rx.el.button("Sign out", icon("out"), type="submit"), action="/api/v1/auth/logout", next="/login"
            ),
            class_name="list",
        ),
        class_name="menu",
    )


def _strip() -> rx.Component:
    def cell(name: str, initial: str = "") -> rx.Component:
        return rx.el.span(initial, custom_attrs={"data-strip": name})

    return rx.el.footer(
        cell("connection", "Connecting …"),
        cell("feed"),
        cell("sources"),
        cell("latency"),
        rx.el.span(class_name="push"),
        rx.cond(
            FrameState.account["venue"] == "market",
            rx.el.span("US market of today, each price with its source and age"),
            rx.el.span("Paper market on real daily history"),
        ),
        class_name="strip",
    )
