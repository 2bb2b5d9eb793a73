"""The JSON schemas of all messages, kept under review in tests/contract/schemas.

`python -m tools.message_schemas` writes what is new. A kept schema may only gain optional fields; any other change
needs a new version of the message, so this command refuses it and says which message and why.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

import shared.contracts.messages as package
from shared.contracts.messages.base import Message

FOLDER = Path(__file__).resolve().parents[1] / "tests/contract/schemas"


def messages() -> list[type[Message]]:
    """Every message class that has a name of its own, by type name."""
    found: dict[str, type[Message]] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Message) and "name" in vars(kind):
                found[kind.type_name()] = kind
    return [found[name] for name in sorted(found)]


def schema_of(kind: type[Message]) -> dict[str, Any]:
    """The JSON schema of one message, with its parts inside."""
    found: dict[str, Any] = cleaned(msgspec.json.schema(kind))
    return found


def cleaned(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Descriptions without the source's indentation, which Python strips from 3.13 on."""
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(one) if key == "description" and isinstance(one, str) else cleaned(one)
            for key, one in value.items()
        }
    return [cleaned(one) for one in value] if isinstance(value, list) else value


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as it is kept."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def breaking_changes(kept: Any, now: Any, *, path: str = "$") -> list[str]:  # noqa: ANN401 - JSON values
    """What an old reader or an old message would stumble over; new optional fields and new texts are no such thing."""
    if isinstance(kept, dict) and isinstance(now, dict):
        found: list[str] = []
        for key, value in kept.items():
            if key in {"description", "title"}:
                continue
            if key not in now:
                found.append(f"{path}.{key} is gone")
            elif key == "required":
                found += [f"{path}: {name} became required" for name in now[key] if name not in value]
                found += [f"{path}: {name} became optional" for name in value if name not in now[key]]
            else:
                found += breaking_changes(value, now[key], path=f"{path}.{key}")
        return found
    return [] if kept == now else [f"{path}: {kept!r} became {now!r}"]


def main() -> int:
    """Write new schemas; refuse changed ones."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    refused = 0
    for kind in messages():
        file = FOLDER / f"{kind.type_name()}.json"
        schema = schema_of(kind)
        changes = breaking_changes(json.loads(file.read_text(encoding="utf-8")), schema) if file.exists() else []
        if changes:
            refused += 1
            print(f"{kind.type_name()} needs a new version: {'; '.join(changes)}", file=sys.stderr)
            continue
        file.write_text(text_of(schema), encoding="utf-8")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
