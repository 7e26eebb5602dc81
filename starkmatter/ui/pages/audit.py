"""Administration: who did what, when and from where, and whether the log is whole."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import download, empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import admin_tabs
from starkmatter.ui.pages.admin import for_admins, said
from starkmatter.ui.state.audit import AuditState

KEEP, RIGHT = {"flex": "none"}, {"textAlign": "right"}
FLUSH = {"margin": "0", "padding": "0"}
GROUPS = ("session.", "passphrase.", "factor.", "person.", "connection.", "account.", "order.", "cash.", "replay.")


def audit() -> rx.Component:
    """The log."""
    return framed(
        "Administration",
        rx.fragment(
            rx.el.h1("Administration", style={"marginBottom": "14px"}),
            admin_tabs("Audit log"),
            for_admins(
                problem_note(AuditState.problem),
                said(AuditState.said),
                _standing(),
                rx.el.div(
                    panel(
                        "Events",
                        _filters(),
                        _events(),
                        _older(),
                        extra=download(AuditState.export, "These events as CSV"),
                        class_name="w12",
                    ),
                    class_name="grid dash",
                ),
            ),
        ),
    )


def _standing() -> rx.Component:
    kind = rx.match(AuditState.sound, ("yes", "note good"), ("no", "note bad"), "note")
    return rx.cond(
        AuditState.standing != "",
        rx.el.div(
            rx.el.span(AuditState.standing),
            " ",
            rx.el.button("Check now", type="button", class_name="link", style=FLUSH, on_click=AuditState.check_now),
            class_name=kind,
            custom_attrs={"data-standing": AuditState.sound},
        ),
    )


def _filters() -> rx.Component:
    wanted = AuditState.wanted
    return rx.el.form(
        _field(
            "Action begins with",
            "action",
            rx.el.input(
                id="audit-action",
                name="action",
                list="audit-actions",
                auto_complete="off",
                placeholder="session.",
                default_value=wanted["action"],
                class_name="input",
            ),
            rx.el.datalist(*[rx.el.option(value=group) for group in GROUPS], id="audit-actions"),
        ),
        _field(
            "Person",
            "person",
            rx.el.select(
                rx.el.option("Everybody", value=""),
                rx.foreach(AuditState.people, lambda one: rx.el.option(one["label"], value=one["id"])),
                id="audit-person",
                name="person",
                class_name="input",
            ),
        ),
        _field(
            "Subject",
            "subject",
            rx.el.input(
                id="audit-subject",
                name="subject",
                auto_complete="off",
                placeholder="order, or order/id",
                default_value=wanted["subject"],
                class_name="input",
            ),
        ),
        _field("From", "start", rx.el.input(id="audit-start", name="start", type="date", class_name="input")),
        _field("To", "end", rx.el.input(id="audit-end", name="end", type="date", class_name="input")),
        rx.el.button("Show", type="submit", class_name="btn primary"),
        on_submit=AuditState.look,
        class_name="fields body",
        style={"gridTemplateColumns": "repeat(auto-fit, minmax(150px, 1fr))", "alignItems": "end"},
        aria_label="Which events",
    )


def _field(label: str, name: str, *control: rx.Component) -> rx.Component:
    return rx.el.div(rx.el.label(label, html_for=f"audit-{name}"), *control, class_name="field")


def _events() -> rx.Component:
    head = [
        th("When, UTC"),
        th("Who", class_name="wideonly-cell"),
        th("What"),
        th("Subject", class_name="wideonly-cell"),
        th("From", class_name="wideonly-cell"),
        th("Row", num=True, class_name="wideonly-cell"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.fragment(
            rx.el.tr(
                td(one["on"], " ", rx.el.br(class_name="phoneonly"), one["at"], class_name="muted"),
                td(one["who"], class_name="wideonly-cell"),
                td(
                    rx.el.button(
                        one["words"],
                        type="button",
                        class_name="link",
                        style=FLUSH,
                        on_click=AuditState.open_event(one["sequence"]),
                        custom_attrs={"aria-expanded": rx.cond(AuditState.shown == one["sequence"], "true", "false")},
                    ),
                    rx.el.div(rx.el.span(one["who"], class_name="phoneonly muted small")),
                ),
                td(one["subject"], " ", rx.el.span(one["subject_id"], class_name="muted"), class_name="wideonly-cell"),
                td(one["ip"], " ", rx.el.span(one["how"], class_name="muted small"), class_name="soft wideonly-cell"),
                td(one["sequence"], num=True, class_name="muted wideonly-cell"),
                custom_attrs={"data-action": one["action"]},
            ),
            rx.cond(
                AuditState.shown == one["sequence"], rx.el.tr(rx.el.td(_details(), col_span=6, class_name="wrapped"))
            ),
        )

    nothing = empty("Nothing like that", "No event fits. Take a filter away, or look at other days.")
    return rx.cond(
        AuditState.ready,
        rx.cond(AuditState.rows.length() > 0, table(head, rx.foreach(AuditState.rows, row), "Audit log"), nothing),
        skeleton_rows(8),
    )


def _details() -> rx.Component:
    def about(one: rx.Var) -> rx.Component:
        return rx.el.div(rx.el.span(one["name"], style=KEEP), rx.el.span(one["value"], style=RIGHT))

    def fact(one: rx.Var) -> rx.Component:
        return rx.el.div(
            rx.el.span(one["name"], style=KEEP),
            rx.el.span(rx.cond(one["before"] != "–", one["before"] + " → ", ""), rx.el.b(one["after"]), style=RIGHT),
        )

    return rx.el.div(
        rx.foreach(AuditState.facts, fact),
        rx.cond(AuditState.facts.length() > 0, rx.el.hr(), rx.fragment()),
        rx.foreach(AuditState.about, about),
        class_name="rows",
    )


def _older() -> rx.Component:
    return rx.cond(
        AuditState.before != "",
        rx.el.div(
            rx.el.button("Older", type="button", class_name="btn", on_click=AuditState.older), class_name="actions body"
        ),
    )
