"""Refusals: business answers of "no", each with a stable code, a kind, the article and a Chinese sentence."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, NoReturn

from shared.kernel.wording import Said


class Bug(Exception):
    """A broken invariant: never caught by business code, never disabled."""


class RefusalKind(StrEnum):
    """What sort of "no" it is; the HTTP status is mapped once, in shared.runtime.validation.problems."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    STATE = "state"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    RULE = "rule"
    PRECONDITION_REQUIRED = "precondition_required"
    RATE = "rate"
    UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """A business "no". Subclasses are named as the fact and set the class variables.

    `zh` is a Chinese sentence, formatted with the facts given to the constructor as `shared.kernel.wording.Said` says
    them: `{price_yuan}` for the fact `price_fen`, `{due_on_zh}` for the day `due_on`, and for codes the `words` of the
    class. Facts must be JSON values (text, int, bool, list, dict): they travel in replies and problem details, so
    nothing personal goes in.
    """

    code: ClassVar[str]
    kind: ClassVar[RefusalKind]
    article: ClassVar[str] = ""
    momentary: ClassVar[bool] = False
    """The same request may be answered otherwise a moment later although nobody decides anything: a copy catches up,
    a saga goes on, a time comes. Such a "no" is not kept under an Idempotency-Key."""
    zh: ClassVar[str]
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Chinese names of the codes that a fact may hold, by the fact's name."""

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code)
        self.facts = facts

    @property
    def detail(self) -> str:
        """The Chinese sentence with its facts filled in."""
        return self.zh.format_map(Said(self.facts, self.words))


def invariant(condition: object, message: str) -> None:
    """Raise Bug when `condition` is false. Raises: Bug."""
    if not condition:
        raise Bug(message)


def bug(message: str) -> NoReturn:
    """Raise Bug. Raises: Bug."""
    raise Bug(message)
