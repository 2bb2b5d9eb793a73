"""What every message is: facts are broadcast in past tense, commands ask one service, replies answer a saga.

Messages are strict when built (mypy, and msgspec types) and tolerant when read: unknown fields are ignored, so
rolling updates work. A new optional field keeps the schema version; anything else is a new version.
"""

from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

import msgspec

EVENT_SPECIFICATION = "1.0"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing said on the bus. `name` is `<service>.<verb>`; `schema` counts incompatible changes."""

    name: ClassVar[str]
    schema: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type, for example `order.confirmed.v1`."""
        return _type_name(cls)


@lru_cache(maxsize=512)
def _type_name(kind: type[Message]) -> str:
    return f"{kind.name}.v{kind.schema}"


class Fact(Message, frozen=True, kw_only=True):
    """Something that happened to one aggregate, broadcast to whoever subscribes to its stream.

    `stream` is `<producer>.<aggregate type>`; `key` names the field that holds the aggregate's id. All facts of
    an aggregate carry one gapless `version`, beginning with 1.
    """

    stream: ClassVar[str]
    key: ClassVar[str]

    version: int

    @property
    def aggregate_id(self) -> UUID:
        """The id of the aggregate this fact is about."""
        found = getattr(self, self.key)
        if not isinstance(found, UUID):
            raise TypeError(f"{self.name}: {self.key} is not a UUID")
        return found


class Command(Message, frozen=True, kw_only=True):
    """A saga's request to one service; the service is the first part of the name.

    `orchestrator` is the service whose sagas send it, and to which the answer goes. The broker's rights follow from it.
    """

    orchestrator: ClassVar[str]

    @classmethod
    def target(cls) -> str:
        """The service that handles this command."""
        return cls.name.partition(".")[0]


class Reply(Message, frozen=True, kw_only=True):
    """A participant's answer to a command of a saga."""


class Refused(Reply, frozen=True, kw_only=True):
    """A participant's "no": the refusal's parts, so that the orchestrator can pass them on to people."""

    name: ClassVar[str] = "saga.refused"

    code: str
    kind: str
    article: str
    detail: str
    facts: dict[str, Any] = {}


class Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="specversion", tag=EVENT_SPECIFICATION
):
    """One CloudEvents 1.0 event of a JSON batch. `sequence` is the aggregate's version, or the saga's step.

    `specversion` is the struct's tag: always written, and an event of another specification is unreadable.
    """

    id: UUID
    source: str
    type: str
    subject: UUID
    time: str
    sequence: int
    data: msgspec.Raw
    aggregatetype: str = ""
    replyto: str = ""
    traceparent: str = ""
