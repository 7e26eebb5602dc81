"""Every vendor that can be connected, in the order of the settings page."""

from starkmatter.accounts.connections import ConnectionKind
from starkmatter.accounts.mail import CONNECTION as SMTP
from starkmatter.assistant.models.claude import CONNECTION as CLAUDE

CATALOG: tuple[ConnectionKind, ...] = (CLAUDE, SMTP)
BY_KIND = {one.kind: one for one in CATALOG}
