"""How Alembic reaches the database: by the connection that `opening` gives it."""

from __future__ import annotations

from alembic import context

from bocage_console.database.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
