"""Settings: the keys of vendors."""

import reflex as rx

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.connections.catalog import CATALOG
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import RestForm, VendorSignIn
from starkmatter.ui.pages.data_health import source_panels
from starkmatter.ui.state.connections import ConnectionsState
from starkmatter.ui.state.data_health import DataHealthState
from starkmatter.ui.state.frame import FrameState


def connections() -> rx.Component:
    """Which vendors are connected."""
    own = [one for one in CATALOG if one.scope == "person"]
    shared = [one for one in CATALOG if one.scope == "installation"]
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Connections"),
            problem_note(ConnectionsState.problem),
            rx.cond(
                ConnectionsState.ready,
                rx.el.div(
                    rx.cond(
                        FrameState.may_trade,
                        panel("Yours", *[_card(one) for one in own], class_name="w12") if own else rx.fragment(),
                    ),
                    rx.cond(
                        FrameState.is_admin,
                        panel("For everybody here", *[_card(one) for one in shared], class_name="w12"),
                        panel(
                            "For everybody here",
                            empty("An admin connects these", "Mail, data and the analyst are connected once for all."),
                            class_name="w12",
                        ),
                    ),
                    rx.cond(FrameState.is_admin & DataHealthState.ready, source_panels()),
                    rx.cond(
                        ConnectionsState.vendors.length() > 0,
                        panel("How vendors answer", _vendors(), class_name="w12"),
                    ),
                    rx.el.p(
                        "Keys are sealed with AES-256 under a key outside the database and are never shown again. "
                        "Everything works without them; each says what it would add.",
                        class_name="muted small w12",
                    ),
                    class_name="grid dash",
                ),
                skeleton_rows(6),
            ),
        ),
        on_pulse=[DataHealthState.load],
        steady=True,
    )


def _vendors() -> rx.Component:
    return table(
        [th("Vendor"), th("State"), th("Last good answer"), th("Asked", num=True), th("Failed", num=True)],
        rx.foreach(
            ConnectionsState.vendors,
            lambda row: rx.el.tr(
                td(row["vendor"]),
                td(
                    rx.el.span(
                        row["state"],
                        class_name="status",
                        custom_attrs={"data-status": rx.cond(row["good"] == "yes", "filled", "rejected")},
                    ),
                    rx.el.span(" ", row["words"], class_name="muted small"),
                ),
                td(row["last_ok"], class_name="muted"),
                td(row["asked"], num=True),
                td(row["failed"], num=True),
            ),
        ),
        "How vendors answer",
    )


def _card(kind: ConnectionKind) -> rx.Component:
    row = ConnectionsState.rows[kind.kind]
    return rx.el.article(
        rx.el.header(
            rx.el.h3(kind.title),
            rx.cond(
                row["connected"] == "yes",
                rx.match(
                    row["sign_in"],
                    ("none", _chip("Not signed in", "expired")),
                    ("ended", _chip("Signed out", "expired")),
                    rx.cond(row["ok"] == "yes", _chip("Connected", "filled"), _chip("Not working", "rejected")),
                ),
                rx.el.span("Not connected", class_name="badge quiet"),
            ),
        ),
        rx.el.p(kind.adds, class_name="soft small"),
        rx.cond(
            row["words"] != "",
            rx.el.p(
                row["words"], " ", rx.el.span(row["tested"], class_name="muted"), class_name="small", role="status"
            ),
        ),
        rx.el.details(
            rx.el.summary(rx.cond(row["connected"] == "yes", "Change", "Connect"), class_name="btn"),
            RestForm.create(
                rx.el.div(*[_field(kind, field, row) for field in kind.fields], class_name="fields"),
                rx.el.div(
                    rx.el.button("Save and test", type="submit", class_name="btn primary"),
                    rx.el.span(kind.where, class_name="muted small"),
                    class_name="actions",
                ),
                action=f"/api/v1/connections/{kind.kind}",
                method="PUT",
                wrap="values",
                on_done=ConnectionsState.load,
            ),
            class_name="fold",
        ),
        _sign_in(kind, row) if kind.sign_in is not None else rx.fragment(),
        rx.cond(
            row["connected"] == "yes",
            rx.el.div(
                rx.el.button(
                    rx.cond(ConnectionsState.busy == kind.kind, "Asking …", "Test"),
                    type="button",
                    class_name="btn tiny",
                    on_click=ConnectionsState.test(kind.kind),
                ),
                rx.el.button(
                    "Forget the keys",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=ConnectionsState.forget(kind.kind),
                ),
                class_name="actions",
            ),
        ),
        class_name="connection",
        custom_attrs={"data-connection": kind.kind},
    )


def _chip(words: str, look: str) -> rx.Component:
    return rx.el.span(words, class_name="status", custom_attrs={"data-status": look})


def _sign_in(kind: ConnectionKind, row: rx.Var) -> rx.Component:
    """Once the keys are kept: how to sign in, until when that is good, and what to do when it is over."""
    return rx.cond(
        row["connected"] == "yes",
        rx.el.div(
            rx.el.p(
                rx.match(
                    row["sign_in"],
                    ("signed_in", rx.fragment("Signed in until ", row["until"], ".")),
                    ("ended", rx.fragment("Signed in until ", row["until"], ": sign in again.")),
                    rx.fragment("The keys are kept. One step is left: sign in."),
                ),
                class_name="small",
            ),
            rx.cond(row["sign_in"] != "signed_in", rx.el.p(kind.sign_in.words, class_name="muted small")),
            VendorSignIn.create(
                kind=kind.kind,
                title=kind.title,
                answer=kind.sign_in.answer,
                again=row["sign_in"] == "signed_in",
                on_done=ConnectionsState.load,
            ),
            class_name="grid signin",
        ),
    )


def _field(kind: ConnectionKind, field: ConnectionField, row: rx.Var) -> rx.Component:
    name = f"{kind.kind}-{field.name}"
    common = {"id": name, "name": field.name, "class_name": "input", "required": field.required and not field.secret}
    if field.choices:
        entry = rx.el.select(
            *[rx.el.option(choice, value=choice) for choice in field.choices],
            default_value=row[f"at_{field.name}"],
            key=row["since"],
            **common,
        )
    elif field.secret:
        hint = row[f"hint_{field.name}"]
        entry = rx.el.input(
            type="password",
            auto_complete="off",
            placeholder=rx.cond(hint != "", "kept: " + hint, field.hint),
            max_length=500,
            **common,
        )
    else:
        entry = rx.el.input(
            type="text",
            auto_complete="off",
            placeholder=field.hint,
            default_value=row[f"at_{field.name}"],
            key=name + row["since"],
            max_length=500,
            **common,
        )
    return rx.el.div(rx.el.label(field.label, html_for=name), entry, class_name="field")
