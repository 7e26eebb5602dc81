"""Runs migrations on the connection that `starkmatter.db.migrate` hands over, or on DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import create_engine, pool

from starkmatter.db import tables

TARGET = tables.metadata


def _run(connection) -> None:
    context.configure(connection=connection, target_metadata=TARGET, compare_type=True, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    with create_engine(url, poolclass=pool.NullPool).connect() as own:
        _run(own)
        own.commit()
