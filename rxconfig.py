"""What Reflex must know before it imports the app; everything an operator may choose is in starkmatter.settings."""

import reflex as rx
from reflex.constants import StateManagerMode

from starkmatter.settings import get_settings

settings = get_settings()

config = rx.Config(
    app_name="starkmatter",
    app_module_import="starkmatter.starkmatter",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    cors_allowed_origins=list(settings.origins),
    trusted_proxy_hops=settings.trusted_proxy_hops,
    backend_host=settings.host,
    state_manager_mode=StateManagerMode.REDIS if settings.state_manager == "redis" else StateManagerMode.MEMORY,
    redis_url=settings.redis_url.get_secret_value()
    if settings.redis_url and settings.state_manager == "redis"
    else None,
    redis_token_expiration=900,
    frozen_lockfile=True,
    plugins=[rx.plugins.TailwindV4Plugin()],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
