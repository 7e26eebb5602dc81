"""Administration: what the worker does and when, and who may use this installation."""

import reflex as rx

from starkmatter.accounts.people import GIVEN_ROLES
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, status, table, td, th
from starkmatter.ui.components.tabs import admin_tabs
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.admin import JobsState, PeopleState
from starkmatter.ui.state.frame import ElsewhereState, FrameState

ROLE_WORDS = {
    "admin": "Admin: looks after people, keys and jobs",
    "trader": "Trader: own accounts and orders",
    "analyst": "Analyst: asks and looks, also at accounts shared with them, places no orders",
    "viewer": "Viewer: looks, also at accounts shared with them, and asks nothing that costs",
}


def jobs() -> rx.Component:
    """The timetable."""
    return framed(
        "Administration",
        rx.fragment(
            rx.el.h1("Administration", style={"marginBottom": "14px"}),
            admin_tabs("Jobs"),
            for_admins(
                problem_note(JobsState.problem),
                said(JobsState.said),
                rx.el.div(panel("Timetable", _jobs(), class_name="w12"), class_name="grid dash"),
            ),
        ),
        on_pulse=[JobsState.load],
        steady=True,
    )


def for_admins(*content: rx.Component) -> rx.Component:
    """The content, or a word to whoever may not see it; the state behind it refuses them anyway."""
    elsewhere = empty("Not from here", ElsewhereState.words)
    nobody = empty("For admins", "The owner of this installation can make you one.")
    no_entry = rx.cond(ElsewhereState.words != "", elsewhere, nobody)
    return rx.cond(FrameState.ready & ~FrameState.is_admin, no_entry, rx.fragment(*content))


def said(text: rx.Var[str]) -> rx.Component:
    return rx.cond(text != "", rx.el.div(text, class_name="note good", role="status"))


def _jobs() -> rx.Component:
    head = [
        th("Job"),
        th("When", class_name="wideonly-cell"),
        th("Last run"),
        th("Took", num=True, class_name="wideonly-cell"),
        th("Next run", class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.fragment(
            rx.el.tr(
                td(
                    rx.el.button(
                        one["name"], type="button", class_name="link", on_click=JobsState.open_job(one["name"])
                    ),
                    rx.el.div(one["about"], class_name="muted small"),
                ),
                td(one["when"], class_name="soft wideonly-cell"),
                td(_outcome(one), rx.el.div(one["at"], class_name="muted small")),
                td(one["took"], num=True, class_name="soft wideonly-cell"),
                td(one["next"], class_name="soft wideonly-cell"),
                td(
                    rx.el.button(
                        "Run now", type="button", class_name="btn tiny", on_click=JobsState.run_now(one["name"])
                    ),
                    num=True,
                ),
            ),
            rx.cond(
                JobsState.shown == one["name"],
                rx.el.tr(rx.el.td(rx.el.div(rx.foreach(JobsState.runs, _line), class_name="rows"), col_span=6)),
            ),
        )

    return rx.cond(JobsState.ready, table(head, rx.foreach(JobsState.jobs, row), "Timetable"), skeleton_rows(6))


def _outcome(one: rx.Var) -> rx.Component:
    shown = rx.match(
        one["outcome"],
        ("done", rx.el.span("done", class_name="status", custom_attrs={"data-status": "filled"})),
        ("failed", rx.el.span("failed", class_name="status", custom_attrs={"data-status": "rejected"})),
        ("", rx.fragment()),
        status(one["outcome"]),
    )
    return rx.el.div(shown, " ", rx.el.span(one["words"], class_name="small"))


def _line(run: rx.Var) -> rx.Component:
    return rx.el.div(
        rx.el.span(_outcome(run)),
        rx.el.span(
            run["at"],
            rx.cond(run["took"] != "", " · " + run["took"], ""),
            rx.cond(run["asked"] == "yes", " · asked for", ""),
            class_name="muted small",
        ),
    )


def people() -> rx.Component:
    """Who may sign in."""
    return framed(
        "Administration",
        rx.fragment(
            rx.el.h1("Administration", style={"marginBottom": "14px"}),
            admin_tabs("People"),
            for_admins(
                problem_note(PeopleState.problem),
                said(PeopleState.said),
                rx.el.div(
                    panel("People", _people(), class_name="w12"),
                    panel("Invite somebody", _invite(), class_name="w6"),
                    panel("Help somebody in again", _help_in(), class_name="w6"),
                    class_name="grid dash",
                ),
            ),
        ),
    )


def _people() -> rx.Component:
    head = [
        th("Name"),
        th("Role"),
        th("Second factor", class_name="wideonly-cell"),
        th("Last seen", class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        roles = rx.el.select(
            *[rx.el.option(role, value=role) for role in GIVEN_ROLES],
            value=one["role"],
            on_change=lambda role: PeopleState.give_role(one["id"], role),
            class_name="input",
            aria_label="Role of " + one["name"],
        )
        return rx.el.tr(
            td(
                rx.el.b(one["name"]),
                rx.cond(one["out"] == "yes", rx.el.span(" kept out", class_name="badge quiet")),
                rx.el.div(one["email"], class_name="muted small"),
            ),
            td(rx.cond(one["fixed"] == "yes", one["role"], roles)),
            td(one["factor"], class_name="soft wideonly-cell"),
            td(one["seen"], class_name="muted wideonly-cell"),
            td(
                rx.cond(
                    one["fixed"] == "yes",
                    rx.fragment(),
                    rx.cond(
                        one["out"] == "yes",
                        rx.el.button(
                            "Let in again",
                            type="button",
                            class_name="btn tiny",
                            on_click=PeopleState.keep_out(one["id"], False),
                        ),
                        rx.el.button(
                            "Keep out",
                            type="button",
                            class_name="btn tiny danger",
                            on_click=PeopleState.keep_out(one["id"], True),
                        ),
                    ),
                ),
                num=True,
            ),
        )

    return rx.cond(PeopleState.ready, table(head, rx.foreach(PeopleState.people, row), "People"), skeleton_rows(3))


def _invite() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "Registration is closed: an invitation is the only way in. The link is shown here once; send it yourself.",
            class_name="soft small",
        ),
        RestForm.create(
            rx.el.div(
                rx.el.label("Role", html_for="invite-role"),
                rx.el.select(
                    *[rx.el.option(text, value=role) for role, text in reversed(ROLE_WORDS.items())],
                    id="invite-role",
                    name="role",
                    default_value="trader",
                    class_name="input",
                ),
                class_name="field",
            ),
            rx.el.button("Make an invitation", type="submit", class_name="btn primary"),
            action="/api/v1/admin/invitations",
            on_done=PeopleState.load,
        ),
        class_name="body grid",
    )


def _help_in() -> rx.Component:
    nobody = empty("Nobody else yet", "Whom you have invited can be helped here when they forget their passphrase.")
    return rx.cond(PeopleState.helpable.length() > 0, _help_form(), nobody)


def _help_form() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "Who has forgotten their passphrase sets a new one with a link. It is shown here once; send it yourself.",
            class_name="soft small",
        ),
        RestForm.create(
            rx.el.div(
                rx.el.label("Who", html_for="help-who"),
                rx.el.select(
                    rx.foreach(PeopleState.helpable, lambda one: rx.el.option(one["label"], value=one["id"])),
                    id="help-who",
                    name="user_id",
                    class_name="input",
                    required=True,
                ),
                class_name="field",
            ),
            rx.el.button("Make a link", type="submit", class_name="btn primary"),
            action="/api/v1/admin/reset-links",
            on_done=PeopleState.load,
        ),
        class_name="body grid",
    )
