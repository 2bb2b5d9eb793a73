# ruff: noqa: INP001 - a script that compose mounts into a container
"""Makes the secrets of a compose project at its first start, each into the volume of whoever may read it.

A name that has a value keeps it, so a later start changes nothing and a new component only adds its own. Nothing is
printed. Volumes are mounted below FOLDER by name:

    postgres     the administrator's password, and the URLs from which roles and databases are made
    rabbitmq     the administrator's password, and the URLs from which users are made
    <component>  what the component itself needs: the URLs of its own role and user, and its keys
    <component>-migration   the URL of the role that migrates its database
    operations   everything that the components have, with the URLs of the roles that migrate
"""

import base64
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path("/secrets")
FILE = "settings.env"
PASSWORD = "password"  # noqa: S105 - the name of a file
POSTGRES = "postgresql://{user}:{password}@postgres:5432/{database}"
RABBITMQ = "amqp://{user}:{password}@rabbitmq:5672/"
KEY_BYTES = 32
READABLE = 0o444
"""Readers run under other user ids; who reads a file is decided by who has its volume mounted."""


class Settings:
    """The file of one volume: names and values that a shell can read."""

    def __init__(self, volume: str) -> None:
        self._file = FOLDER / volume / FILE
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self.values = dict(line.split("=", 1) for line in lines)

    def keep(self, name: str, value: str) -> str:
        """The value the name has, or else this one."""
        return self.values.setdefault(name, value)

    def write(self) -> None:
        """Write the file in one step, so that nobody reads half of it."""
        write(self._file, "".join(f"{name}={value}\n" for name, value in sorted(self.values.items())))


def write(file: Path, content: str) -> None:
    """Replace a file in one step."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.write_text(content, encoding="utf-8")
    fresh.chmod(READABLE)
    fresh.replace(file)


def administrator(volume: str, name: str, template: str, *, user: str, database: str = "") -> Settings:
    """The settings of a server, with the password of its administrator also in a file of its own."""
    settings = Settings(volume)
    url = settings.keep(name, template.format(user=user, password=secrets.token_hex(KEY_BYTES), database=database))
    write(FOLDER / volume / PASSWORD, url.split(":")[2].split("@")[0])
    return settings


def database_urls(component: str, *, own: Settings, postgres: Settings) -> Settings:
    """The URLs of both roles of a component's database; returns the settings of the one that migrates it."""
    prefix = f"{component.upper()}_"
    migration = Settings(f"{component}-migration")
    for settings, role, shared in (
        (own, component, f"{prefix}DATABASE_URL"),
        (migration, f"{component}_owner", f"{prefix}MIGRATION_DATABASE_URL"),
    ):
        url = POSTGRES.format(user=role, password=secrets.token_hex(KEY_BYTES), database=component)
        postgres.values[shared] = settings.keep(f"{prefix}DATABASE_URL", url)
    migration.write()
    return migration


def component_settings(
    component: str, wanted: Sequence[str], *, postgres: Settings, rabbitmq: Settings, operations: Settings
) -> None:
    """One component's own settings, and what the servers and the operators must know of it."""
    prefix = f"{component.upper()}_"
    own, of_migration = Settings(component), {}
    for name in wanted:
        match name:
            case "database_url":
                of_migration = database_urls(component, own=own, postgres=postgres).values
            case "bus_url":
                url = RABBITMQ.format(user=component, password=secrets.token_hex(KEY_BYTES))
                rabbitmq.values[f"{prefix}BUS_URL"] = own.keep(f"{prefix}BUS_URL", url)
            case _:
                own.keep(f"{prefix}{name.upper()}", base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    # Operators have the role that may do more.
    operations.values |= own.values | of_migration
    own.write()


def main() -> None:
    """`make_secrets.py order:database_url,bus_url ...`: every component with the settings that are made for it."""
    postgres = administrator("postgres", "DATABASE_ADMIN_URL", POSTGRES, user="postgres", database="postgres")
    rabbitmq = administrator("rabbitmq", "BUS_URL", RABBITMQ, user="yunquan")
    operations = Settings("operations")
    for word in sys.argv[1:]:
        component, _, wanted = word.partition(":")
        component_settings(component, wanted.split(","), postgres=postgres, rabbitmq=rabbitmq, operations=operations)
    for settings in (postgres, rabbitmq, operations):
        settings.write()


if __name__ == "__main__":
    main()
