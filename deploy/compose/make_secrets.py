# ruff: noqa: INP001 - a script that compose mounts into a container
"""Makes the secrets of a compose project at its first start, each into the volume of whoever may read it.

A name that has a value keeps it, so a later start changes nothing and a new component only adds its own. Nothing is
printed. Volumes are mounted below FOLDER by name:

    postgres     the administrator's password, and the URLs from which roles and databases are made
    rabbitmq     the administrator's password, and the URLs from which users are made
    <service>    what the service itself needs: the URLs of its own role and user, and its keys
    <service>-migration   the URL of the role that migrates its database
    operations   everything that the services have, with the URLs of the roles that migrate
"""

import base64
import importlib
import secrets
import sys
from pathlib import Path

from pydantic import SecretStr

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


def service_settings(service: str, *, postgres: Settings, rabbitmq: Settings, operations: Settings) -> None:
    """One service's own settings, and what the servers and the operators must know of it."""
    prefix = f"{service.upper()}_"
    own, migration = Settings(service), Settings(f"{service}-migration")
    for settings, role, shared in (
        (own, service, f"{prefix}DATABASE_URL"),
        (migration, f"{service}_owner", f"{prefix}MIGRATION_DATABASE_URL"),
    ):
        url = POSTGRES.format(user=role, password=secrets.token_hex(KEY_BYTES), database=service)
        postgres.values[shared] = settings.keep(f"{prefix}DATABASE_URL", url)
    url = RABBITMQ.format(user=service, password=secrets.token_hex(KEY_BYTES))
    rabbitmq.values[f"{prefix}BUS_URL"] = own.keep(f"{prefix}BUS_URL", url)
    declared = importlib.import_module(f"services.{service}.service").SERVICE.settings.model_fields
    for name, described in declared.items():
        if described.annotation is SecretStr and described.is_required() and name != "database_url":
            own.keep(f"{prefix}{name.upper()}", base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    operations.values |= own.values | migration.values
    migration.write()
    own.write()


def main() -> None:
    """`make_secrets.py identity catalog ...`."""
    postgres = administrator("postgres", "DATABASE_ADMIN_URL", POSTGRES, user="postgres", database="postgres")
    rabbitmq = administrator("rabbitmq", "BUS_URL", RABBITMQ, user="yunquan")
    operations = Settings("operations")
    for service in sys.argv[1:]:
        service_settings(service, postgres=postgres, rabbitmq=rabbitmq, operations=operations)
    for settings in (postgres, rabbitmq, operations):
        settings.write()


if __name__ == "__main__":
    main()
