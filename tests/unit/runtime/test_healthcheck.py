"""The container's health check: alive only when the process itself answers 200, and bounded in time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.runtime import healthcheck


@contextmanager
def a_process(answer: bytes | None) -> Iterator[int]:
    """Something that listens, and answers one request, or is silent; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                if answer is None:
                    # Silent until the caller gives up.
                    connection.recv(1)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1),
        (b"HTTP/1.1 2000", 1),
        (b"", 1),
        (None, 1),
    ],
)
def test_only_an_answer_of_200_is_alive(answer: bytes | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT_S", 0.2)
    with a_process(answer) as port:
        monkeypatch.setenv("PORT", str(port))
        assert healthcheck.main() == code


def test_where_nobody_listens_nobody_is_alive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("PORT", str(port))

    assert healthcheck.main() == 1
    assert capsys.readouterr().err.startswith("not live: ")
