"""The import wizard: where to, the file, what booking it would do, the result, and taking it back."""

import reflex as rx

from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.portfolio.importers.catalog import IMPORTERS
from starkmatter.portfolio.importing.own_journal import TITLE as OWN_JOURNAL
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.import_entry import entry_form
from starkmatter.ui.components.import_mapping import mapping_panel
from starkmatter.ui.components.import_tables import history_table, lines_table, names_form
from starkmatter.ui.components.parts import empty, form_field, panel, problem_note, skeleton_rows, table, tabs, td, th
from starkmatter.ui.live.components import FollowImport, RestForm, UploadImport
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.importing import ImportState

TITLES = (*[one.title for one in IMPORTERS], OWN_JOURNAL)
A_TRACKED_ACCOUNT = (
    "A tracked account is one that you hold elsewhere and follow here: its history comes from files or is typed in, it "
    "is valued at the market's prices, and nothing can be traded on it."
)


def importing() -> rx.Component:
    """Files of other programs into accounts that are held elsewhere."""
    state = ImportState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Import", "Portfolio pages"),
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            FollowImport.create(active=state.moving, on_look=ImportState.look),
            rx.el.div(
                rx.el.div(
                    panel("Into which account", _target()),
                    rx.cond(state.target["id"] != "", _ways_in()),
                    class_name="w4 grid importside",
                ),
                rx.el.div(
                    _looked_at(),
                    class_name="w8 grid importside looked",
                    custom_attrs={"data-on": rx.cond(state.current["stage"] != "", "yes", "no")},
                ),
                rx.cond(state.ready, panel("Former imports", history_table(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
        heading="Import",
    )


def _target() -> rx.Component:
    state = ImportState
    return rx.cond(
        state.ready,
        rx.el.div(
            rx.cond(
                state.targets.length() > 0,
                rx.el.div(
                    rx.el.label("Tracked account", html_for="import-target"),
                    rx.el.select(
                        rx.foreach(
                            state.targets,
                            lambda one: rx.el.option(one["name"] + ", " + one["currency"], value=one["id"]),
                        ),
                        default_value=state.target["id"],
                        on_change=state.choose_target,
                        id="import-target",
                        class_name="input",
                        # It keeps what the person chose: a file goes there, also while the server does not know yet.
                        key="of " + state.targets.length().to_string(),
                    ),
                    class_name="field",
                ),
                rx.el.p(A_TRACKED_ACCOUNT, class_name="soft small"),
            ),
            rx.cond(
                FrameState.may_trade,
                rx.el.details(
                    rx.el.summary("New tracked account", class_name="btn tiny"),
                    _new_account(),
                    open=state.targets.length() == 0,
                    class_name="fold",
                    key=state.targets.length().to_string(),
                ),
                rx.el.p("Your role looks on: it may not import.", class_name="muted small"),
            ),
            class_name="body grid",
        ),
        skeleton_rows(3),
    )


def _new_account() -> rx.Component:
    return RestForm.create(
        rx.el.div(
            rx.el.input(type="hidden", name="broker", value="tracked", read_only=True),
            form_field("Name", "name", "text", "off", max_length=60, placeholder="My broker"),
            rx.el.div(
                rx.el.label("Currency of its books", html_for="tracked-currency"),
                rx.el.select(
                    *[rx.el.option(one, value=one) for one in BOOK_CURRENCIES],
                    id="tracked-currency",
                    name="currency",
                    default_value="USD",
                    class_name="input",
                ),
                class_name="field",
            ),
            class_name="grid",
        ),
        rx.el.div(rx.el.button("Open it", type="submit", class_name="btn primary"), class_name="actions"),
        action="/api/v1/accounts",
        on_done=ImportState.opened,
    )


def _ways_in() -> rx.Component:
    return rx.fragment(
        panel(
            "A file",
            rx.el.div(
                UploadImport.create(account=ImportState.target["id"], on_done=ImportState.show),
                rx.el.details(
                    rx.el.summary("What can be read", class_name="btn tiny"),
                    rx.el.ul(*[rx.el.li(title) for title in TITLES], class_name="soft small formats"),
                    class_name="fold",
                ),
                rx.el.p(
                    "The file shows its format itself. It is kept encrypted until it is booked or left, a day at most.",
                    class_name="muted small",
                ),
                class_name="body grid",
            ),
        ),
        panel("Or one entry, typed in", entry_form()),
    )


def _looked_at() -> rx.Component:
    state = ImportState
    return rx.match(
        state.current["stage"],
        ("", panel("Dry run", _nothing())),
        ("moving", panel(state.current["file"], _progress(), extra=_state_chip())),
        ("ask", rx.fragment(_head_panel(), mapping_panel(asks=True))),
        (
            "read",
            rx.fragment(
                _head_panel(),
                rx.cond(state.unnamed.length() > 0, panel("Which symbols are these", names_form())),
                rx.cond(state.current["has_columns"] != "", mapping_panel(asks=False)),
                panel("Line by line", lines_table()),
            ),
        ),
        ("booked", rx.fragment(_head_panel(), panel("Line by line", lines_table()))),
        _head_panel(),
    )


def _nothing() -> rx.Component:
    return rx.cond(
        ImportState.ready,
        empty(
            "Nothing is booked before you have seen it",
            "Give a file first. You see here what every line becomes, what is known already, what cannot be "
            "read, and whether the totals are those that the file states.",
        ),
        skeleton_rows(6),
    )


def _state_chip() -> rx.Component:
    return rx.el.span(ImportState.current["state"], class_name="muted small")


def _progress() -> rx.Component:
    current = ImportState.current
    return rx.el.div(
        rx.el.div(
            rx.el.b(current["step"]),
            rx.cond(current["done"] != "", rx.el.span(current["done"], class_name="mono small")),
            class_name="going",
            role="status",
        ),
        rx.cond(
            current["ratio"] != "",
            rx.el.progress(value=current["ratio"], max="1", class_name="wide", aria_label="Done"),
            rx.el.progress(class_name="wide", aria_label="Under way"),
        ),
        rx.el.p("You may leave this page: it goes on, and is found again below.", class_name="muted small"),
        rx.cond(
            current["canceling"] == "",
            rx.el.div(
                rx.el.button("Cancel", type="button", class_name="btn", on_click=ImportState.cancel),
                class_name="actions",
            ),
        ),
        class_name="body grid",
    )


def _head_panel() -> rx.Component:
    state, current = ImportState, ImportState.current
    return panel(
        current["file"],
        rx.el.div(
            rx.cond(current["refused"] != "", rx.el.div(current["refused"], class_name="note warn", role="alert")),
            rx.cond(
                (current["stage"] == "over") & (current["words"] != ""),
                rx.el.div(current["words"], class_name="note warn"),
            ),
            rx.cond(
                current["stage"] == "booked",
                rx.el.div(
                    rx.el.b("Booked. "),
                    current["booked_words"],
                    " in the ledger of ",
                    current["account"],
                    ", whose cash changed by ",
                    rx.el.span(current["cash"], " ", current["currency"], class_name="mono"),
                    ".",
                    class_name="note good",
                ),
            ),
            rx.cond(current["title"] != "", _summary()),
            rx.foreach(state.warnings, lambda one: rx.el.div(one, class_name="note warn")),
            _buttons(),
            class_name="body grid",
        ),
        extra=_state_chip(),
    )


def _summary() -> rx.Component:
    state, current = ImportState, ImportState.current
    return rx.fragment(
        rx.el.p(
            "Read as ",
            rx.el.b(current["title"]),
            rx.cond(current["span"] != "", rx.el.span(", ", current["span"])),
            rx.cond(current["size"] != "", rx.el.span(", ", current["size"])),
            ". Into ",
            rx.el.b(current["account"]),
            ".",
            class_name="soft",
        ),
        rx.el.div(
            rx.el.div(
                table(
                    [th("What the lines are"), th("Lines", num=True), th("Cash", num=True)],
                    rx.foreach(
                        state.kinds,
                        lambda one: rx.el.tr(
                            td(one["kind"]),
                            td(one["count"], num=True),
                            td(one["cash"], " ", rx.el.span(one["currency"], class_name="muted"), num=True),
                        ),
                    ),
                    "Lines by kind",
                )
            ),
            rx.el.div(
                table(
                    [th("Totals"), th("The file states", num=True), th("Its lines come to", num=True)],
                    rx.foreach(
                        state.totals,
                        lambda one: rx.el.tr(
                            td(one["name"], " ", rx.el.span(one["currency"], class_name="muted")),
                            td(rx.cond(one["stated"] != "", one["stated"], "–"), num=True),
                            td(
                                one["come"],
                                rx.cond(one["agrees"] == "yes", rx.el.span(" agrees", class_name="muted small")),
                                rx.cond(one["agrees"] == "no", rx.el.b(" differs", class_name="amber small")),
                                num=True,
                            ),
                        ),
                    ),
                    "Totals",
                )
            ),
            class_name="twotables",
        ),
        rx.cond(
            current["stage"] == "read",
            rx.el.p(
                "Booking changes the cash of ",
                current["account"],
                " by ",
                rx.el.b(current["cash"], " ", current["currency"], class_name="mono", id="import-cash"),
                ".",
            ),
        ),
    )


def _buttons() -> rx.Component:
    current = ImportState.current
    return rx.el.div(
        rx.cond(
            current["stage"] == "read",
            rx.cond(
                current["booked"] != "0",
                rx.el.button(
                    "Book " + current["booked"] + " lines",
                    type="button",
                    class_name="btn primary",
                    id="import-confirm",
                    on_click=ImportState.confirm,
                ),
                rx.el.span("Nothing of it is left to book.", class_name="muted small"),
            ),
        ),
        rx.cond(
            (current["stage"] == "read") | (current["stage"] == "ask"),
            rx.fragment(
                rx.el.button("Cancel", type="button", class_name="btn", on_click=ImportState.cancel),
                rx.el.select(
                    rx.el.option("Read it as what it shows to be", value=""),
                    *[rx.el.option(f"Read it as {one.title}", value=one.name) for one in IMPORTERS],
                    value=current["format"],
                    on_change=ImportState.read_as,
                    class_name="input",
                    aria_label="Read the file as",
                ),
            ),
        ),
        rx.cond(
            current["stage"] == "booked",
            rx.fragment(
                rx.el.a("See the portfolio", href="/portfolio", class_name="btn primary"),
                rx.el.button(
                    "Take it back", type="button", class_name="btn danger", on_click=ImportState.undo(current["id"])
                ),
            ),
        ),
        rx.cond(
            (current["stage"] == "over") | (current["stage"] == "booked"),
            rx.el.button("Done", type="button", class_name="btn", id="import-done", on_click=ImportState.close),
        ),
        class_name="actions",
    )
