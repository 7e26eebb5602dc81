"""The tables (SQLModel). Importing this package registers all of them for Alembic."""

from sqlmodel import SQLModel

metadata = SQLModel.metadata

from starkmatter.db.tables import (  # noqa: E402, F401
    actions,
    alerts,
    allocation,
    approvals,
    assistant,
    audit,
    baskets,
    broker,
    charts,
    fx,
    guarding,
    imports,
    lending,
    live,
    lots,
    market,
    news,
    oidc,
    optimizations,
    passkeys,
    people,
    programs,
    reports,
    running,
    trading,
    transfers,
    watching,
)
