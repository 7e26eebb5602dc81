"""The pages of Settings and of Administration, as tabs."""

import reflex as rx

from starkmatter.ui.components.parts import tabs
from starkmatter.ui.state.frame import FrameState

SETTINGS = [
    ("Profile", "/settings"),
    ("Accounts", "/settings/accounts"),
    ("Limits", "/settings/limits"),
    ("Security", "/settings/security"),
    ("Programs", "/settings/programs"),
    ("Connections", "/settings/connections"),
]
ADMIN = [("Jobs", "/admin"), ("People", "/admin/people"), ("Audit log", "/admin/audit")]


def settings_tabs(here: str) -> rx.Component:
    """The pages of Settings; for admins also the way to Administration."""
    plain = tabs(SETTINGS, here, "Settings")
    of_admins = [*SETTINGS, ("News", "/settings/news"), ("Administration", "/admin")]
    return rx.cond(FrameState.is_admin, tabs(of_admins, here, "Settings"), plain)


def admin_tabs(here: str) -> rx.Component:
    """The pages of Administration."""
    return tabs(ADMIN, here, "Administration")
