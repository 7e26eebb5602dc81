"""The HTML of `/emergency`. Every text is escaped here; nothing in it needs a script."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from uuid import UUID

from starkmatter.clock import utc_now
from starkmatter.domain.money import plain
from starkmatter.trading.brokers.catalog import TITLES
from starkmatter.trading.guarding.emergency import Emergency, EmergencyAccount
from starkmatter.trading.guarding.records import Stop

STYLE = """
:root{color-scheme:dark light;--bg:#0b0e13;--panel:#11151c;--line:#242c39;--text:#e7ebf2;--soft:#a3aec0;--bad:#ff6b6b;
--warn:#f2b84b;--good:#2bc4a9;--edge:#5f6c87;--on:#1a0505;--fill:#ff6b6b;--link:#79abff}
@media (prefers-color-scheme:light){:root{--bg:#f4f6f9;--panel:#fff;--line:#dde3ec;--text:#131a26;--soft:#4b5769;
--bad:#b01e1e;--warn:#8a5a00;--good:#0a7060;--edge:#7f8a9e;--on:#fff;--fill:#b01e1e;--link:#1d4fc4}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 Inter,system-ui,sans-serif;
font-variant-numeric:tabular-nums}main{max-width:62rem;margin:0 auto;padding:20px 16px 60px}h1{font-size:22px;margin:0}
h2{font-size:15px;margin:0 0 8px}section{background:var(--panel);border:1px solid var(--line);border-radius:8px;
padding:14px;margin-top:14px}p{margin:4px 0}.soft{color:var(--soft)}.row{display:flex;flex-wrap:wrap;gap:10px;
align-items:center}.row form{margin:0}.row+p{margin-top:10px}.push{flex:1}
button,input{font:inherit;color:inherit}button{min-height:40px;
padding:0 14px;border-radius:8px;border:1px solid var(--edge);background:none;cursor:pointer;font-weight:600}
button.stop{background:var(--fill);border-color:var(--fill);color:var(--on)}button:focus-visible,input:focus-visible,
a:focus-visible{outline:2px solid var(--link);outline-offset:2px}a{color:var(--link)}.note{border:1px solid var(--line);
border-left:4px solid var(--soft);border-radius:6px;padding:8px 12px;margin-top:12px}.note.bad{border-left-color:
var(--bad)}.note.warn{border-left-color:var(--warn)}.note.good{border-left-color:var(--good)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid
var(--line);white-space:nowrap}td.wrap{white-space:normal;min-width:14rem}.num{text-align:right}th{font-size:12px;color:var(--soft);
font-weight:550}label{display:block;font-size:13px;color:var(--soft)}input{width:100%;min-height:40px;padding:0 10px;
border-radius:8px;border:1px solid var(--edge);background:var(--bg)}.door{max-width:24rem}.door form{display:grid;
gap:12px}
"""
DONE = {
    "canceled": "{} open orders were asked back.",
    "stopped": "The kill switch is on. {} open orders were asked back.",
    "paused": "The broker is paused: nothing new is sent there.",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands and who looks; `word` goes into every form."""

    standing: Emergency
    name: str
    is_admin: bool
    worker_at_work: bool
    cache_answers: bool
    word: str
    done: str
    problem: str


def done_words(what: str, orders: str) -> str:
    """What the last form did, from the address it led to; nothing for what this page never says."""
    return DONE[what].format(int(orders)) if what in DONE and orders.isascii() and orders.isdecimal() else ""


def door(problem: str = "", email: str = "") -> str:
    """The sign-in, for whoever comes without a session."""
    return _html(
        "<div class=door><h1>Emergency</h1><p class=soft>Stop trading and cancel orders. Sign in first.</p>"
        + _note(problem, "bad")
        + "<section><form method=post action=/emergency/sign-in>"
        f"<div><label for=email>E-mail</label><input id=email name=email type=email required autocomplete=username "
        f'maxlength=254 value="{escape(email)}"></div>'
        "<div><label for=password>Passphrase</label><input id=password name=password type=password required "
        "autocomplete=current-password maxlength=1024></div>"
        "<div><label for=totp>Code of your second factor, if it is on</label><input id=totp name=totp "
        "autocomplete=one-time-code maxlength=64></div>"
        "<button>Sign in</button></form></section></div>"
    )


def nothing_known(problem: str) -> str:
    """The page while PostgreSQL does not answer: nothing can be stopped here then, and it says what to do."""
    return _html(
        "<h1>Emergency</h1>"
        + _note(problem, "bad")
        + "<section><p>Without its database StarkMatter takes no orders and "
        "stops none. Orders that are at a broker already go on there: cancel them in the broker's own application.</p>"
        '<p><a href="/emergency">Try again</a></p></section>'
    )


def whole(seen: Seen) -> str:
    """The page."""
    return _html(
        f"<div class=row><h1>Emergency</h1><span class=push></span><span class=soft>{escape(seen.name)} · "
        f"{utc_now():%Y-%m-%d %H:%M:%S} UTC · <a href=/emergency>Read again</a> · <a href=/>Back to the app</a>"
        "</span></div>"
        + _note(seen.problem, "bad", alert=True)
        + _note(seen.done, "good")
        + _machinery(seen)
        + _actions(seen)
        + _switches(seen.standing.stops)
        + _accounts(seen)
        + _orders(seen)
        + _positions(seen)
        + _brokers(seen)
    )


def _machinery(seen: Seen) -> str:
    standing = seen.standing
    lines = ""
    if not seen.worker_at_work:
        lines += _note(
            "No worker is at work. What you ask for here is stored and obeyed, but cancels are queued: they are "
            "carried out when a worker runs again, and until then an order at a broker may still fill there.",
            "bad",
        )
    if not seen.cache_answers:
        lines += _note("The cache (Valkey) does not answer. This page and trading do not need it.", "warn")
    if standing.queued:
        lines += _note(f"{standing.queued} cancels are queued and not confirmed yet.", "warn")
    return lines or _note("The worker, the database and the cache answer.", "good")


def _actions(seen: Seen) -> str:
    count = len(seen.standing.orders)
    buttons = _button(seen, f"Cancel all open orders ({count})", action="cancel") + _button(
        seen, "Stop all my accounts", "stop", action="stop", scope="mine"
    )
    buttons += _button(seen, "Stop, but let positions be reduced", action="stop", scope="mine", reducing="yes")
    if seen.is_admin:
        buttons += _button(seen, "Stop everybody", "stop", action="stop", scope="everybody")
    return (
        f"<section><h2>At once</h2><div class=row>{buttons}</div><p class=soft>Stopping turns the kill switch on: no "
        "new orders are taken, and every open one is asked back. It is turned off under Settings, Limits, with a fresh "
        "proof of who you are.</p></section>"
    )


def _switches(stops: Sequence[Stop]) -> str:
    if not stops:
        return ""
    rows = (
        (
            escape(scope_words(one)),
            "only reducing orders" if one.allows_reducing else "no new orders",
            escape(one.set_by_name),
            f"{one.set_at:%Y-%m-%d %H:%M:%S}",
            "asked back" if one.swept_at or one.broker else "being asked back",
        )
        for one in stops
    )
    return _section("Switches that are on", ("For", "Takes", "By", "Since, UTC", "Open orders"), rows)


def scope_words(stop: Stop) -> str:
    """For what a switch stands."""
    whom = {"account": stop.account_name, "mine": "All accounts", "everybody": "Everybody"}[stop.scope]
    return f"{TITLES.get(stop.broker, stop.broker.capitalize())}: {whom}" if stop.broker else whom


def _accounts(seen: Seen) -> str:
    open_of = Counter(one.account_id for one in seen.standing.orders)
    rows = (
        (
            escape(one.name) + ("" if one.mine else f" <span class=soft>of {escape(one.owner_name)}</span>"),
            '<div class="row">'
            + _button(seen, "Cancel its orders", action="cancel", account_id=str(one.id))
            + _button(seen, "Stop it", "stop", action="stop", account_id=str(one.id))
            + "</div>",
            str(open_of[one.id]),
            f"{one.cash:,.2f} {escape(one.currency)}",
            f"{escape(one.mode)} · {escape(one.venue)}",
        )
        for one in seen.standing.accounts
    )
    nothing = "You have no account that trades."
    return _section("Accounts", ("Account", "", "Open orders", "Cash", "Kind"), rows, nothing, numbers=(2, 3))


def _orders(seen: Seen) -> str:
    names = _names(seen.standing.accounts)
    rows = (
        (
            escape(names[one.account_id]),
            escape(one.symbol),
            f"{escape(one.side)} {escape(one.type.replace('_', ' '))}",
            plain(one.qty),
            plain(one.filled_qty),
            "" if one.limit_price is None else f"{one.limit_price:,.2f}",
            escape(one.status.replace("_", " ")),
        )
        for one in seen.standing.orders
    )
    heads = ("Account", "Symbol", "Order", "Shares", "Filled", "Limit", "State")
    return _section("Open orders", heads, rows, "No order is open.", numbers=(3, 4, 5))


def _positions(seen: Seen) -> str:
    names = _names(seen.standing.accounts)
    rows = (
        (escape(names[one.account_id]), escape(one.symbol), plain(one.signed_qty), f"{one.cost_basis:,.2f}")
        for one in seen.standing.positions
    )
    heads = ("Account", "Symbol", "Shares", "Cost")
    return _section("Positions", heads, rows, "Nothing is held.", numbers=(2, 3))


def _brokers(seen: Seen) -> str:
    paused = {one.broker for one in seen.standing.stops}
    brokers: dict[str, list[EmergencyAccount]] = {}
    for one in seen.standing.accounts:
        if one.mine:
            brokers.setdefault(one.broker, []).append(one)
    rows = []
    for broker, accounts in brokers.items():
        words = (
            " ".join(dict.fromkeys(one.words for one in accounts if one.words)) or "The paper market of this machine."
        )
        checked = max((one.checked_at for one in accounts if one.checked_at), default=None)
        rows.append(
            (
                escape(TITLES.get(broker, broker.capitalize())),
                "paused" if broker in paused else _button(seen, "Pause it", action="pause", broker=broker),
                escape(words),
                f"{checked:%H:%M:%S}" if checked else "",
            )
        )
    return _section("Brokers", ("Broker", "", "How it stands", "Read at, UTC"), rows, "No broker is in use.", wide=(2,))


def _names(accounts: Sequence[EmergencyAccount]) -> dict[UUID, str]:
    return {one.id: one.name for one in accounts}


def _button(seen: Seen, label: str, kind: str = "", **fields: str) -> str:
    hidden = "".join(
        f'<input type=hidden name="{escape(name)}" value="{escape(value)}">'
        for name, value in {"word": seen.word, **fields}.items()
    )
    look = f' class="{kind}"' if kind else ""
    return f"<form method=post action=/emergency>{hidden}<button{look}>{escape(label)}</button></form>"


def _section(
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    nothing: str = "",
    *,
    numbers: Sequence[int] = (),
    wide: Sequence[int] = (),
) -> str:
    """A titled table whose cells are HTML already, or what to say when it has none."""
    look = dict.fromkeys(numbers, " class=num") | dict.fromkeys(wide, " class=wrap")
    body = "".join(
        "<tr>" + "".join(f"<td{look.get(at, '')}>{cell}</td>" for at, cell in enumerate(row)) + "</tr>" for row in rows
    )
    if not body:
        return f"<section><h2>{escape(title)}</h2><p class=soft>{escape(nothing)}</p></section>"
    head = "".join(
        f"<th scope=col{look.get(at, '').replace(' class=wrap', '')}>{escape(name)}</th>" if name else "<td></td>"
        for at, name in enumerate(heads)
    )
    return (
        f'<section><h2>{escape(title)}</h2><div class=scroll tabindex=0 role=region aria-label="{escape(title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _note(text: str, kind: str, *, alert: bool = False) -> str:
    role = "alert" if alert else "status"
    return f'<div class="note {kind}" role={role}>{escape(text)}</div>' if text else ""


def _html(body: str) -> str:
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Emergency · StarkMatter</title><link rel=icon href=/favicon.ico><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
