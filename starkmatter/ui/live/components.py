"""Python's view of the JavaScript components beside this module."""

from concurrent.futures import ThreadPoolExecutor

import reflex as rx

_CHART_PARTS = (
    "chart.css",
    "chartbars.js",
    "chartcompare.js",
    "chartdraw.js",
    "chartevents.js",
    "chartindicators.js",
    "chartlegend.jsx",
    "chartlooks.js",
    "chartmenus.jsx",
    "chartorders.js",
    "chartpicture.js",
    "chartpointer.js",
    "chartshade.js",
    "chartview.js",
)
_IMPORTED = ("rest.js", "keys.js", "proof.jsx", "symbols.js", *_CHART_PARTS)  # by those below


def _shared(*names: str) -> list[str]:
    return [rx.asset(name, shared=True) for name in names]


# For each name Reflex reads the source of everything on the stack, which in an import takes a second for all of them:
# a thread of its own has a short stack.
with ThreadPoolExecutor(1) as _aside:
    (
        _LIVE,
        _CHART,
        _FIGURE,
        _FORM,
        _FACTOR,
        _OIDC,
        _PROGRAMS,
        _STEP_UP,
        _PASSKEYS,
        _ASSISTANT,
        _BRIEF,
        _MARKETS,
        _HEATMAP,
        _SIGN_IN,
        _IMPORTS,
        _REPORTS,
        *_,
    ) = _aside.submit(
        _shared,
        "live.jsx",
        "chart.jsx",
        "figure.jsx",
        "form.jsx",
        "factor.jsx",
        "oidc.jsx",
        "programs.jsx",
        "stepup.jsx",
        "passkeys.jsx",
        "assistant.jsx",
        "brief.jsx",
        "markets.jsx",
        "heatmap.jsx",
        "signin.jsx",
        "importing.jsx",
        "reports.jsx",
        *_IMPORTED,
    ).result()


class LiveRoot(rx.Component):
    """The page's one socket, its keys, its toasts and its theme. Draws nothing."""

    library = f"$/public{_LIVE}"
    tag = "LiveRoot"
    venue: rx.Var[str]
    live: rx.Var[str]
    theme: rx.Var[str]
    swap: rx.Var[bool]
    on_order: rx.EventHandler[rx.event.no_args_event_spec]
    on_alert: rx.EventHandler[rx.event.no_args_event_spec]
    on_pulse: rx.EventHandler[rx.event.no_args_event_spec]
    steady: rx.Var[bool]
    on_key: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class CandleChart(rx.NoSSRComponent):
    """The chart of a symbol with its tools; own resting orders as `lines`.

    `on_move`: the line of an order was dragged to a price; nothing was changed by that.
    """

    library = f"$/public{_CHART}"
    tag = "CandleChart"
    lib_dependencies: list[str] = ["lightweight-charts@5.2.1"]
    symbol: rx.Var[str]
    venue: rx.Var[str]
    interval: rx.Var[str]
    lines: rx.Var[list[dict[str, str]]]
    on_move: rx.EventHandler[rx.event.passthrough_event_spec(str, str)]


class Figure(rx.NoSSRComponent):
    """A Plotly figure (`data` and `layout`; colors as CSS tokens) with its text alternative.

    Not `rx.plotly`: that one embeds two templates in the page, needs plotly's Python side in the web process (24 MB)
    and cannot see which theme the browser shows. The basic bundle is loaded when a figure is first drawn.
    """

    library = f"$/public{_FIGURE}"
    tag = "Figure"
    lib_dependencies: list[str] = ["plotly.js-basic-dist-min@3.7.0"]
    figure: rx.Var[dict]
    label: rx.Var[str]
    height: rx.Var[str]


class RestForm(rx.Component):
    """A form that sends its fields as JSON to `action`, then loads `next` as a whole page, or tells `on_done`.

    `wrap` puts the fields under that name; `link_field` is the field that takes the token of the page's address. What
    is entered never becomes an event of the page's state.
    """

    library = f"$/public{_FORM}"
    tag = "RestForm"
    action: rx.Var[str]
    method: rx.Var[str]
    wrap: rx.Var[str]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]
    next: rx.Var[str]
    meter: rx.Var[bool]
    link_field: rx.Var[str]


class SecondFactor(rx.Component):
    """Turns the second factor on and off over REST; its secret and recovery codes never enter the page's state."""

    library = f"$/public{_FACTOR}"
    tag = "SecondFactor"
    on: rx.Var[bool]
    left: rx.Var[int]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class ProviderButtons(rx.Component):
    """Ways to sign in elsewhere; `invited`: to register with the invitation of the page's address instead."""

    library = f"$/public{_OIDC}"
    tag = "ProviderButtons"
    providers: rx.Var[list[dict[str, str]]]
    invited: rx.Var[bool]


class LinkSignIn(rx.Component):
    """Goes to the chosen provider, which brings the browser back with one more way in."""

    library = f"$/public{_OIDC}"
    tag = "LinkSignIn"
    providers: rx.Var[list[dict[str, str]]]
    passphrase: rx.Var[bool]


class VendorSignIn(rx.Component):
    """Signs a person in at a vendor over REST; `again`: they are signed in already, `answer` names what comes back."""

    library = f"$/public{_SIGN_IN}"
    tag = "VendorSignIn"
    kind: rx.Var[str]
    title: rx.Var[str]
    answer: rx.Var[str]
    again: rx.Var[bool]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class NewProgram(rx.Component):
    """Makes a token for a program over REST and shows it once; it never enters the page's state."""

    library = f"$/public{_PROGRAMS}"
    tag = "NewProgram"
    may_trade: rx.Var[bool]
    is_admin: rx.Var[bool]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class ReportDesk(rx.NoSSRComponent):
    """What a report is to be of, and what to do with it, over REST; a link's address never enters the page's state."""

    library = f"$/public{_REPORTS}"
    tag = "ReportDesk"
    accounts: rx.Var[list[dict[str, str]]]
    chosen: rx.Var[str]
    periods: rx.Var[list[dict[str, str]]]
    benchmarks: rx.Var[list[dict[str, str]]]
    mail_ready: rx.Var[bool]
    mail_to: rx.Var[str]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class StepUp(rx.Component):
    """The dialog for a fresh proof of who it is: a request to REST wants one, or (`asked`) an event that waits."""

    library = f"$/public{_STEP_UP}"
    tag = "StepUp"
    asked: rx.Var[bool]
    words: rx.Var[str]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]
    on_leave: rx.EventHandler[rx.event.no_args_event_spec]


class Passkeys(rx.NoSSRComponent):
    """The caller's passkeys over REST: listed, added, renamed, removed."""

    library = f"$/public{_PASSKEYS}"
    tag = "Passkeys"
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class PasskeySignIn(rx.Component):
    """The way in with a passkey, then `next` as a whole page; not seen where the browser cannot use one."""

    library = f"$/public{_PASSKEYS}"
    tag = "PasskeySignIn"
    next: rx.Var[str]


class Analyst(rx.NoSSRComponent):
    """Conversations with the analyst over REST: answers stream in as plain text and become the server's safe HTML.

    When it is not `connected`, `why` says what a new answer would need.
    """

    library = f"$/public{_ASSISTANT}"
    tag = "Analyst"
    connected: rx.Var[bool]
    why: rx.Var[str]
    on_spent: rx.EventHandler[rx.event.no_args_event_spec]


class Brief(rx.NoSSRComponent):
    """The brief of one symbol after its last session: computed here, or by the model when somebody asks for it."""

    library = f"$/public{_BRIEF}"
    tag = "Brief"
    symbol: rx.Var[str]
    venue: rx.Var[str]


class BriefPicker(rx.NoSSRComponent):
    """A brief of the symbol that is typed or chosen among `symbols`."""

    library = f"$/public{_BRIEF}"
    tag = "BriefPicker"
    symbols: rx.Var[list[str]]
    venue: rx.Var[str]


class Sortable(rx.NoSSRComponent):
    """Lets rows (`data-key`) of the element with `data-sort` = `group` change places; tells which goes where."""

    library = f"$/public{_MARKETS}"
    tag = "Sortable"
    group: rx.Var[str]
    across: rx.Var[bool]
    on_move: rx.EventHandler[rx.event.passthrough_event_spec(str, int)]


class HeatMap(rx.NoSSRComponent):
    """Tiles (`symbol`, `name`, `sector`, `size`, `change_pct`, `words`, all texts) whose colors follow live prices."""

    library = f"$/public{_HEATMAP}"
    tag = "HeatMap"
    tiles: rx.Var[list[dict[str, str]]]
    by_sector: rx.Var[bool]
    label: rx.Var[str]


class ImportSymbols(rx.NoSSRComponent):
    """Takes a file or a text to the watchlist `list` over REST and shows what was refused."""

    library = f"$/public{_MARKETS}"
    tag = "ImportSymbols"
    list: rx.Var[str]
    on_done: rx.EventHandler[rx.event.no_args_event_spec]


class UploadImport(rx.NoSSRComponent):
    """Takes a file to an import into the tracked `account` over REST, with progress; tells the id of the import."""

    library = f"$/public{_IMPORTS}"
    tag = "UploadImport"
    account: rx.Var[str]
    on_done: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class FollowImport(rx.NoSSRComponent):
    """While `active`, asks to look again every moment. Draws nothing."""

    library = f"$/public{_IMPORTS}"
    tag = "FollowImport"
    active: rx.Var[bool]
    on_look: rx.EventHandler[rx.event.no_args_event_spec]
