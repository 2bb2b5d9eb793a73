"""The process that judges documents: it answers one request after another, each in a child of its own with little room.

What a stranger's file does to a decoder happens in a child that holds no secret, may open, write and start next to
nothing, and ends with the answer. The process itself only reads, forks and waits, so a child begins within
milliseconds and with the decoders loaded. Without a request for a while it ends; so it does when a child was ended,
and says by its exit code how.
"""

import dataclasses
import json
import os
import resource
import select
import struct
import sys
from contextlib import suppress
from typing import Final

from shared.documents.dispatch import inspect_document
from shared.documents.inspection import (
    DocumentLimits,
    DocumentTooCostly,
    InspectedDocument,
    Legibility,
    LegibilityReason,
    MediaType,
)
from shared.kernel.refusals import Refusal

IDLE_S: Final = 10.0
MEMORY_MAX_BYTES: Final = 288 * 1024 * 1024
"""The address space of a child, libraries and all: what it holds in memory is less."""
CPU_MAX_S: Final = 30
FILES_MAX: Final = 64
ENDED_BY_SIGNAL: Final = 100
"""Exit codes from here on: this and the number of the signal that ended a child."""

_REQUEST: Final = struct.Struct(">II")
_ANSWER: Final = struct.Struct(">II")
_SAME: Final = 0xFFFFFFFF
REQUEST_IN: Final = 0
ANSWER_OUT: Final = 1


def encode_request(content: bytes, *, limits: DocumentLimits) -> bytes:
    """The head of a request, which the content follows."""
    said = json.dumps(dataclasses.asdict(limits)).encode()
    return _REQUEST.pack(len(said), len(content)) + said


def encode_answer(content: bytes, outcome: InspectedDocument | Refusal) -> bytes:
    """What a child answers; content that is kept as it came does not travel back."""
    if isinstance(outcome, Refusal):
        said = {"refused": outcome.code, "facts": outcome.facts}
        kept = b""
    else:
        known = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
        kept = known.pop("content")
        known["sha256"] = outcome.sha256.hex()
        known["legibility"] = [outcome.legibility.legible, outcome.legibility.reason]
        said = {"found": known}
    written = json.dumps(said).encode()
    same = kept == content
    return _ANSWER.pack(len(written), _SAME if same else len(kept)) + written + (b"" if same else kept)


def decode_answer(said: bytes, kept: bytes) -> InspectedDocument | Refusal:
    """What a child found, or the refusal that it raised."""
    answer = json.loads(said)
    if "refused" in answer:
        by_code = {kind.code: kind for kind in Refusal.__subclasses__() if hasattr(kind, "code")}
        return by_code[answer["refused"]](**answer["facts"])
    found = answer["found"]
    legible, reason = found.pop("legibility")
    return InspectedDocument(
        **found
        | {
            "media_type": MediaType(found["media_type"]),
            "sha256": bytes.fromhex(found["sha256"]),
            "legibility": Legibility(legible, LegibilityReason(reason)),
            "content": kept,
        }
    )


def answer_lengths(head: bytes) -> tuple[int, int | None]:
    """How many bytes of text and of content follow the head of an answer; None where the content is kept as it came."""
    said, kept = _ANSWER.unpack(head)
    return said, None if kept == _SAME else kept


ANSWER_HEAD_BYTES: Final = _ANSWER.size


def main() -> None:
    """Serve requests until nobody asks any more."""
    from shared.documents import images, pdf  # noqa: F401, PLC0415 - loaded once, for every child

    while select.select([REQUEST_IN], [], [], IDLE_S)[0]:
        head = _read(_REQUEST.size)
        if len(head) < _REQUEST.size:
            return
        said_bytes, content_bytes = _REQUEST.unpack(head)
        limits = DocumentLimits(**json.loads(_read(said_bytes)))
        child = os.fork()
        if child == 0:
            _judge_and_leave(content_bytes, limits)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            os._exit(ENDED_BY_SIGNAL + os.WTERMSIG(status))
        if os.WEXITSTATUS(status):
            os._exit(1)


def _judge_and_leave(content_bytes: int, limits: DocumentLimits) -> None:
    """What a child does: no handler, finaliser or buffer of the parent's runs on the way out."""
    code = 1
    try:
        content = _read(content_bytes)
        if len(content) == content_bytes:
            _take_little()
            _write(encode_answer(content, _judged(content, limits)))
            code = 0
    finally:
        os._exit(code)


def _judged(content: bytes, limits: DocumentLimits) -> InspectedDocument | Refusal:
    try:
        return inspect_document(content, limits=limits)
    except Refusal as refused:
        return refused
    except (MemoryError, RecursionError):
        return DocumentTooCostly()


def _take_little() -> None:
    """Give away what judging does not need; more than this ends in a refusal, never in a service without memory."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_MAX_BYTES),
        (resource.RLIMIT_CPU, CPU_MAX_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, FILES_MAX),
    ):
        # Some systems know no bound of the address space. Past the hard one of time, the kernel no longer says why.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most + (kind == resource.RLIMIT_CPU)))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        # Where memory is short all the same, this process goes and not the service.
        score.write("1000")


def _read(wanted: int) -> bytes:
    """So many bytes of the requests, or less at their end."""
    found = bytearray()
    while len(found) < wanted:
        part = os.read(REQUEST_IN, min(wanted - len(found), 1 << 20))
        if not part:
            break
        found += part
    return bytes(found)


def _write(answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(ANSWER_OUT, rest) :]


if __name__ == "__main__":
    sys.setrecursionlimit(2_000)
    main()
