"""What services say to one another changes only with a version."""

import copy
import json

import pytest

from shared.contracts.messages.base import Message
from tools.message_schemas import FOLDER, breaking_changes, messages, schema_of, text_of


@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.type_name())
def test_a_message_looks_as_it_was_agreed(kind: type[Message]) -> None:
    file = FOLDER / f"{kind.type_name()}.json"
    assert file.exists(), "run: python -m tools.message_schemas"
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert breaking_changes(kept, schema_of(kind)) == []
    assert text_of(kept) == text_of(schema_of(kind)), "an optional field was added: run python -m tools.message_schemas"


def test_no_agreed_message_was_dropped() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} <= {kind.type_name() for kind in messages()}


def test_a_renamed_field_or_a_new_required_one_is_a_breaking_change() -> None:
    kept = schema_of(messages()[0])
    now = copy.deepcopy(kept)
    definition = now["$defs"][next(iter(now["$defs"]))]
    name = next(iter(definition["properties"]))
    definition["properties"]["other"] = definition["properties"].pop(name)
    definition["required"] = [*definition.get("required", []), "other"]
    assert len(breaking_changes(kept, now)) == 2


def test_a_new_optional_field_is_no_breaking_change() -> None:
    kept = schema_of(messages()[0])
    now = copy.deepcopy(kept)
    now["$defs"][next(iter(now["$defs"]))]["properties"]["other"] = {"type": "integer", "default": 0}
    assert breaking_changes(kept, now) == []
