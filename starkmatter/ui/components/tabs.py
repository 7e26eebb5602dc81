"""The row of pages that belong together."""

import reflex as rx

from starkmatter.ui.state.frame import FrameState

SETTINGS = (("/settings", "Profile"), ("/settings/security", "Security"), ("/settings/connections", "Connections"))
ADMIN = (("/admin", "Jobs"), ("/admin/people", "People"))


def tabs(pages: tuple[tuple[str, str], ...], here: str, label: str) -> rx.Component:
    """Links to the pages, this one marked."""
    return rx.el.nav(
        *[
            rx.el.a(title, href=href, custom_attrs={"aria-current": "page"} if title == here else {})
            for href, title in pages
        ],
        class_name="tabs",
        aria_label=label,
    )


def settings_tabs(here: str) -> rx.Component:
    """The pages of Settings; for admins also the way to Administration."""
    plain = tabs(SETTINGS, here, "Settings")
    return rx.cond(FrameState.is_admin, tabs((*SETTINGS, ("/admin", "Administration")), here, "Settings"), plain)


def admin_tabs(here: str) -> rx.Component:
    """The pages of Administration."""
    return tabs(ADMIN, here, "Administration")
