"""Documents are judged in a process of their own: little memory, little time, and an end that is an answer."""

import asyncio
import contextlib
import os
import signal
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from shared.documents import judging
from shared.documents.dispatch import inspect_document
from shared.documents.inspection import (
    DocumentBroken,
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooCostly,
    DocumentTooLarge,
)
from shared.documents.uploads import INSPECTIONS_WAITING_MAX, Inspections
from shared.documents.worker import DocumentJudge, DocumentNotJudged, DocumentsWaiting, _ended
from shared.kernel.refusals import Refusal
from tests.factories.documents import (
    a_png_chunk,
    an_encrypted_pdf,
    an_exif,
    paper_jpeg,
    paper_pdf,
    paper_png,
    with_chunks,
)

LIMITS = DocumentLimits()
CHILD_MAX_MB = 240
"""What judging one document may hold in memory beside the service. docs/adr/0018."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture
def judge() -> Iterator[DocumentJudge]:
    found = DocumentJudge()
    yield found
    found.close()


def a_uniform_png(side_px: int, *, depth: int, colour: int, channels: int) -> bytes:
    """A PNG of one colour: a few kilobytes that unfold to megabytes."""
    rows = bytes(1 + (side_px * depth * channels + 7) // 8) * 100
    packing = zlib.compressobj(1)
    packed = b"".join(packing.compress(rows) for _ in range(side_px // 100)) + packing.flush()
    header = struct.pack(">IIBBBBB", side_px, side_px, depth, colour, 0, 0, 0)
    palette = a_png_chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    chunks = a_png_chunk(b"IHDR", header) + palette + a_png_chunk(b"IDAT", packed) + a_png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def held_mb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024
    return 0


class Watch:
    """Looks at what the children of a judge hold while it judges."""

    def __init__(self, judge: DocumentJudge) -> None:
        self.most_mb = 0
        self._judge = judge
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.005):
            pid = self._judge.pid
            if pid is not None:
                children = Path(f"/proc/{pid}/task/{pid}/children")
                with contextlib.suppress(OSError):
                    for child in children.read_text(encoding="ascii").split():
                        self.most_mb = max(self.most_mb, held_mb(int(child)))


@pytest.mark.parametrize(
    "content",
    [
        paper_png(1),
        paper_jpeg(1),
        paper_pdf(1),
        with_chunks(paper_png(1), a_png_chunk(b"eXIf", an_exif(orientation=6))),
    ],
)
def test_the_process_finds_what_the_rules_find(judge: DocumentJudge, content: bytes) -> None:
    assert judge.judge(content, limits=LIMITS) == inspect_document(content, limits=LIMITS)


def test_a_refusal_comes_back_as_itself_with_its_facts(judge: DocumentJudge) -> None:
    with pytest.raises(DocumentEncrypted):
        judge.judge(an_encrypted_pdf(), limits=LIMITS)
    with pytest.raises(DocumentTooLarge) as refused:
        judge.judge(bytes(11), limits=DocumentLimits(size_max_bytes=10))
    assert refused.value.facts == {"size_bytes": 11, "size_max_bytes": 10}


@pytest.mark.parametrize(
    ("depth", "colour", "channels"),
    [(8, 4, 2), (1, 0, 1), (8, 6, 4)],
    ids=["grey and alpha", "one bit", "colour and alpha"],
)
def test_a_small_file_of_forty_million_pixels_is_judged_in_bounded_memory(
    judge: DocumentJudge, depth: int, colour: int, channels: int
) -> None:
    service_mb = held_mb(os.getpid())
    with Watch(judge) as watch:
        found = judge.judge(a_uniform_png(6_300, depth=depth, colour=colour, channels=channels), limits=LIMITS)
    assert found.width_px == 6_300
    assert 0 < watch.most_mb < CHILD_MAX_MB
    assert held_mb(os.getpid()) - service_mb < 32


def test_a_pdf_that_unfolds_without_end_is_refused_in_bounded_memory(judge: DocumentJudge) -> None:
    packing = zlib.compressobj(1)
    bomb = b"".join(packing.compress(bytes(1 << 20)) for _ in range(200)) + packing.flush()
    stream = b"<< /Type /ObjStm /N 9 /First 9 /Filter /FlateDecode /Length %d >>\nstream\n" % len(bomb)
    file = bytearray(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 4 0 R >>\nendobj\n")
    at = len(file)
    file += b"2 0 obj\n" + stream + bomb + b"\nendstream\nendobj\n"
    table_at = len(file)
    rows = bytes(5) + b"\x01" + (9).to_bytes(3, "big") + b"\x00" + b"\x01" + at.to_bytes(3, "big") + b"\x00"
    rows += b"\x01" + table_at.to_bytes(3, "big") + b"\x00" + b"\x02" + (2).to_bytes(3, "big") + b"\x00"
    head = b"3 0 obj\n<< /Type /XRef /Size 5 /W [1 3 1] /Root 1 0 R /Length %d >>\nstream\n" % len(rows)
    file += head + rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % table_at
    with Watch(judge) as watch, pytest.raises((DocumentBroken, DocumentTooCostly)):
        judge.judge(bytes(file), limits=LIMITS)
    assert watch.most_mb < CHILD_MAX_MB
    assert judge.judge(paper_png(1), limits=LIMITS).pages == 1


def test_the_process_that_judges_knows_no_secret_of_the_service(
    judge: DocumentJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENCRYPTION_KEY", "planted secret")
    judge.judge(paper_png(1), limits=LIMITS)
    assert b"planted" not in Path(f"/proc/{judge.pid}/environ").read_bytes()


def test_after_its_end_a_document_is_judged_by_a_new_process(judge: DocumentJudge) -> None:
    judge.judge(paper_png(1), limits=LIMITS)
    first = judge.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert judge.judge(paper_png(1), limits=LIMITS).pages == 1
    assert judge.pid not in {None, first}


@pytest.mark.parametrize("times", [1, 2])
def test_a_process_that_is_ended_while_it_judges_is_asked_once_more_and_then_says_to_try_again(
    judge: DocumentJudge, times: int
) -> None:
    content = a_uniform_png(2_000, depth=16, colour=6, channels=4)

    def end_it() -> None:
        ended: set[int] = set()
        while len(ended) < times:
            pid = judge.pid
            if pid is not None and pid not in ended:
                os.killpg(pid, signal.SIGKILL)
                ended.add(pid)

    ending = threading.Thread(target=end_it)
    ending.start()
    if times == 1:
        assert judge.judge(content, limits=LIMITS).width_px == 2_000
    else:
        with pytest.raises(DocumentNotJudged) as refused:
            judge.judge(content, limits=LIMITS)
        assert refused.value.facts == {"retry_after_s": 5}
    ending.join()
    assert judge.judge(paper_png(1), limits=LIMITS).pages == 1


def test_a_judgement_that_takes_too_long_is_ended() -> None:
    judge = DocumentJudge(wall_max_s=0.05)
    with pytest.raises(DocumentNotJudged):
        judge.judge(a_uniform_png(2_000, depth=16, colour=6, channels=4), limits=LIMITS)
    assert judge.pid is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (judging.ENDED_BY_SIGNAL + signal.SIGXCPU, DocumentTooCostly),
        (judging.ENDED_BY_SIGNAL + signal.SIGSEGV, DocumentBroken),
        (judging.ENDED_BY_SIGNAL + signal.SIGKILL, DocumentNotJudged),
        (1, DocumentNotJudged),
    ],
)
def test_how_the_process_ended_says_whether_it_was_the_file(code: int, said: type[Refusal]) -> None:
    assert isinstance(_ended(code), said)


def test_a_process_that_nobody_asks_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, none = os.pipe()
    monkeypatch.setattr(judging, "IDLE_S", 0.01)
    monkeypatch.setattr(judging, "REQUEST_IN", ready)
    judging.main()
    os.close(ready)
    os.close(none)
    assert (_ended(0), _ended(-signal.SIGKILL)) == (None, None)


class Slow(DocumentJudge):
    """Judges nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.at_once = 0

    def judge(self, content: bytes, *, limits: DocumentLimits) -> object:  # type: ignore[override]
        """Wait, alone."""
        self.at_once += 1
        assert self.at_once == 1
        self.go.wait(10)
        self.at_once -= 1
        return content, limits


async def test_one_document_is_judged_at_a_time_a_few_wait_and_more_are_told_when_to_return() -> None:
    slow = Slow()
    inspections = Inspections(slow)
    waiting = [
        asyncio.create_task(inspections.inspect(b"x", limits=LIMITS)) for _ in range(1 + INSPECTIONS_WAITING_MAX)
    ]
    await asyncio.sleep(0.05)
    with pytest.raises(DocumentsWaiting) as refused:
        await inspections.inspect(b"x", limits=LIMITS)
    assert refused.value.facts == {"retry_after_s": 1}
    slow.go.set()
    assert len(await asyncio.gather(*waiting)) == 1 + INSPECTIONS_WAITING_MAX
    await inspections.inspect(b"x", limits=LIMITS)
