"""Has documents judged by a process of its own: one at a time, in little memory and time, whatever the file is.

The process is started with the first document, without the service's environment, and ends when none came for a while.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from shared.documents import judging
from shared.documents.inspection import DocumentBroken, DocumentLimits, DocumentTooCostly, InspectedDocument
from shared.kernel.refusals import Refusal, RefusalKind

WALL_MAX_S: Final = 90.0
"""How long one judgement may take on a machine that has other things to do."""
RETRY_AFTER_S: Final = 5
_ROOT: Final = Path(__file__).parents[2]
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL})


class DocumentNotJudged(Refusal):
    """The process that judges was ended or did not answer in time; nothing was stored, and a repeat may succeed."""

    code = "documents.not_judged"
    kind = RefusalKind.UNAVAILABLE
    zh = "文件暂时无法检查，尚未保存，请稍后重新上传。"


class DocumentsWaiting(Refusal):
    """So many documents wait to be judged that another one would wait too long; nothing was stored."""

    code = "documents.waiting"
    kind = RefusalKind.UNAVAILABLE
    zh = "当前上传的文件较多，请在 {retry_after_s} 秒后重新上传。"


class DocumentJudge:
    """The process that judges, and the line to it. Threads may share one; they are served one after another."""

    def __init__(self, *, wall_max_s: float = WALL_MAX_S) -> None:
        self._wall_max_s = wall_max_s
        self._alone = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[[subprocess.Popen[bytes]], DocumentJudge] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def judge(self, content: bytes, *, limits: DocumentLimits) -> InspectedDocument:
        """Judge a document; waits for its turn and for the answer, so call it on a thread.

        Raises: the refusals of inspect_document, DocumentNotJudged.
        """
        with self._alone:
            answer = self._ask(content, limits)
            if answer is None:
                # It had ended because nobody asked for a while, or somebody ended it: once more tells which.
                answer = self._ask(content, limits)
            if answer is None:
                raise DocumentNotJudged(retry_after_s=RETRY_AFTER_S)
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def close(self) -> None:
        """End the process now."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def _ask(self, content: bytes, limits: DocumentLimits) -> InspectedDocument | Refusal | None:
        """The answer, or None when the process was gone without one."""
        process = self._running()
        late = threading.Timer(self._wall_max_s, _kill, args=(process,))
        late.daemon = True
        began = time.monotonic()
        late.start()
        try:
            answer = _converse(process, content, limits)
        except BaseException:
            self.close()
            raise
        finally:
            late.cancel()
        if answer is None:
            code = process.wait()
            self.close()
            took_too_long = time.monotonic() - began >= self._wall_max_s
            return DocumentNotJudged(retry_after_s=RETRY_AFTER_S) if took_too_long else _ended(code)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _start()
            self._end = weakref.finalize(self, _stop, self._process)
        return self._process


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", judging.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # No secret of the service is within reach of what a file may do to a decoder. One arena keeps memory small.
        env={"PYTHONPATH": str(_ROOT), "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        bufsize=0,
        # A keyboard's interrupt is the service's business, which then closes the line.
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The child that judges belongs to the same group. Before it is waited for, the number is nobody else's.
    if process.returncode is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def _stop(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    process.wait()


def _converse(
    process: subprocess.Popen[bytes], content: bytes, limits: DocumentLimits
) -> InspectedDocument | Refusal | None:
    asked, answering = process.stdin, process.stdout
    if asked is None or answering is None:
        return None
    try:
        for part in (judging.encode_request(content, limits=limits), content):
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(asked.fileno(), rest) :]
    except BrokenPipeError:
        return None
    head = _exactly(answering.fileno(), judging.ANSWER_HEAD_BYTES)
    if head is None:
        return None
    said_bytes, kept_bytes = judging.answer_lengths(head)
    said = _exactly(answering.fileno(), said_bytes)
    kept = content if kept_bytes is None else _exactly(answering.fileno(), kept_bytes)
    return None if said is None or kept is None else judging.decode_answer(said, kept)


def _exactly(descriptor: int, wanted: int) -> bytes | None:
    found = bytearray()
    while len(found) < wanted:
        part = os.read(descriptor, min(wanted - len(found), 1 << 20))
        if not part:
            return None
        found += part
    return bytes(found)


def _ended(code: int) -> Refusal | None:
    """What the end of the process says of the document; None when it says nothing."""
    if code <= 0:
        return None
    ended_by = code - judging.ENDED_BY_SIGNAL
    if ended_by == signal.SIGXCPU:
        return DocumentTooCostly()
    if ended_by in _CRASHES:
        return DocumentBroken()
    return DocumentNotJudged(retry_after_s=RETRY_AFTER_S)
