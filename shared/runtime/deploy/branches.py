"""The two Alembic branches of every service's database: the service's own one and the runtime's (ADR 0028).

Databases that a release before the runtime's branch migrated have the runtime's tables and no revision of that branch.
They are recognised by their service's revision, which says in `runtime_revision` how far those tables were by then.
"""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection as SqlConnection

RUNTIME = "runtime"
"""The label of the runtime's branch, with which each of its revisions begins."""
RUNTIME_MIGRATIONS = Path(__file__).with_name("migrations")
HEADS_OF_BOTH = (f"{RUNTIME}@head", "heads")
"""The runtime's tables come first: a service's migration may read them."""


def versions_folder(branch: str) -> Path:
    """Where the migrations of a service, or of the runtime, lie."""
    if branch == RUNTIME:
        return RUNTIME_MIGRATIONS / "versions"
    found = importlib.import_module(f"services.{branch}")
    return Path(str(found.__file__)).parent / "migrations" / "versions"


def migration_config(service: str) -> Config:
    """Alembic's configuration of one service's database: its own branch and the runtime's."""
    folders = dict.fromkeys((versions_folder(RUNTIME), versions_folder(service)))
    config = Config()
    config.set_main_option("script_location", str(RUNTIME_MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, folders)))
    return config


def newest_revisions(service: str) -> frozenset[str]:
    """The revisions of a database at the newest schema: one of each branch."""
    return frozenset(ScriptDirectory.from_config(migration_config(service)).get_heads())


def listed(revisions: Iterable[str]) -> str:
    """Revisions in words, for people."""
    return " and ".join(sorted(revisions)) or "no revision"


def upgrade_branches(connection: "SqlConnection", service: str) -> None:
    """Recognise a database of before the runtime's branch, then bring both branches to their heads."""
    config = migration_config(service)
    config.attributes["connection"] = connection
    recognise(connection, ScriptDirectory.from_config(config))
    for revision in HEADS_OF_BOTH:
        command.upgrade(config, revision)


def recognise(connection: "SqlConnection", scripts: ScriptDirectory) -> None:
    """Note how far the runtime's tables are in a database that an older release migrated; else do nothing.

    Raises: alembic.util.CommandError when the database is at a revision that these migrations do not know.
    """
    context = MigrationContext.configure(connection)
    there = context.get_current_heads()
    if not there or any(revision.startswith(f"{RUNTIME}_") for revision in there):
        return
    marks = (getattr(script.module, "runtime_revision", None) for script in scripts.iterate_revisions(there, "base"))
    newest = next((mark for mark in marks if mark), None)
    if newest is not None:
        context.stamp(scripts, newest)


def run_env(context: Any) -> None:  # noqa: ANN401 - Alembic's context
    """The body of env.py: run on the connection of whoever asks, comparing with what they declare."""
    given = context.config.attributes
    context.configure(
        connection=given["connection"],
        target_metadata=given.get("metadata"),
        include_name=given.get("include_name"),
    )
    with context.begin_transaction():
        context.run_migrations()
