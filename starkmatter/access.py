"""Writes `docs/access.md`: who may call which route and which event, from the rules that decide it."""

import sys

from starkmatter.api.matrix import RULES, Least, Rule
from starkmatter.ui.state.guard import FRAMEWORK_HANDLERS, declared, needs_fresh

HEAD = """# Who may call what

Written by `make docs` from `starkmatter/api/matrix.py` and the marks of the handlers, which decide at every request and
event. What is not listed nobody may call.

| role | may |
|---|---|
| viewer | look: prices, news, own accounts and those shared with them; keep alerts; mind their own sign-in |
| analyst | also ask the analyst, which costs |
| trader | also open accounts, trade, connect a broker |
| admin | also look after people, jobs, feeds, the replay and the keys of the installation |
| owner | also make admins |

## Fields

| fields | who sees them | who writes them |
|---|---|---|
| vendors' keys | nobody; the last four characters: who may write them | traders their own, admins the installation's |
| name | themselves, admins, and who shares an account with them | themselves |
| address and role | themselves and admins | the role: admins |
| passphrase, seed, recovery codes, tokens | nobody, once they were shown | themselves |
| cash, shares and values of an account | its owner and those let in | the books alone; deposits on paper its owner |
| where somebody signed in from | themselves; admins in the audit log | nobody |

## Routes

`/api/v1` is left out. A token needs the scope; `browser` is closed to programs. The ids in a route reach the caller's
own things, also those of accounts shared with them to view or to trade on, or nobody's in particular.

| route | least role | scope of a token | reaches | fresh proof |
|---|---|---|---|---|
"""
EVENTS = """
## Events of pages

| event | least role | fresh proof |
|---|---|---|
"""
REACHES = {"": "–", "own": "own", "view": "own, shared to view", "trade": "own, shared to trade"}
ANYBODY: dict[str, str] = {"anyone": "–", "public": "–", "user": "viewer"}


def access_page() -> str:
    """The whole page as Markdown."""
    from reflex_base.registry import RegistrationContext

    import starkmatter.starkmatter  # noqa: F401 - registers every page and state

    routes = [_route(route, rule) for route, rule in sorted(RULES.items(), key=lambda one: one[0].split(" ")[::-1])]
    names = sorted(set(RegistrationContext.ensure_context().event_handlers) - FRAMEWORK_HANDLERS)
    events = [_event(name) for name in names if declared(name) is not None]
    return HEAD + "".join(routes) + EVENTS + "".join(events)


def _route(route: str, rule: Rule) -> str:
    least: Least = rule.who
    fresh = "yes" if rule.fresh else ""
    return f"| `{route}` | {ANYBODY.get(least, least)} | {rule.scope} | {REACHES[rule.reach]} | {fresh} |\n"


def _event(name: str) -> str:
    state, _, handler = name.rpartition(".")
    page = state.rpartition("____")[2].removesuffix("_state")
    who = str(declared(name))
    return f"| {page}: `{handler}` | {ANYBODY.get(who, who)} | {'yes' if needs_fresh(name) else ''} |\n"


if __name__ == "__main__":
    sys.stdout.write(access_page())
