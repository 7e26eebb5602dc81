"""Runs migrations on the connection that `starkmatter.db.migrate` hands over, or on DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import create_engine, pool, text

from starkmatter.db import tables

TARGET = tables.metadata


PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')"


def _run(connection) -> None:
    """Partitions are made as time goes by and are no part of the models."""
    partitions = set(connection.execute(text(PARTITIONS)).scalars())
    context.configure(
        connection=connection,
        target_metadata=TARGET,
        compare_type=True,
        compare_server_default=False,
        include_name=lambda name, kind, _: kind != "table" or name not in partitions,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if context.is_offline_mode():  # alembic upgrade --sql: what would be done, in words
    context.configure(dialect_name="postgresql", target_metadata=TARGET, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif given is not None:
    _run(given)
else:
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    with create_engine(url, poolclass=pool.NullPool).connect() as own:
        _run(own)
        own.commit()
