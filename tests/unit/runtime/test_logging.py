"""A log line is one JSON object, of our own code and of libraries alike, and says where it belongs."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from shared.runtime.observability import logging as logs
from shared.runtime.observability.logging import add_context, adopt_libraries, describe_fault, masked
from shared.runtime.tracing.current import REQUEST

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield root
    root.handlers, root.level = handlers, level


def test_what_a_library_says_leaves_as_json_without_values(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    adopt_libraries(service="order")
    try:
        int("陈小满")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("fault of %s", "13985123477")
    said = json.loads(capsys.readouterr().err)
    assert (said["service"], said["logger"], said["level"]) == ("order", "uvicorn.error", "error")
    assert said["event"] == "fault of [masked]"
    assert said["exception"][0]["type"] == "builtins.ValueError"
    assert "陈小满" not in json.dumps(said, ensure_ascii=False)
    assert root.level == logging.WARNING


def test_what_a_library_says_goes_to_the_log_and_not_to_whoever_sits_at_the_terminal(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log = StringIO()
    adopt_libraries(stream=log)
    logging.getLogger("asyncpg.pool").warning("cannot restore a connection")
    assert json.loads(log.getvalue())["logger"] == "asyncpg.pool"
    assert capsys.readouterr() == ("", "")
    assert len(root.handlers) == 1


def test_a_line_of_a_request_says_its_ids_and_a_line_of_nobody_says_none() -> None:
    assert add_context(None, "", {"event": "x"}) == {"event": "x"}
    token = REQUEST.set({"yunquan.request_id": "17", "yunquan.traceparent": TRACEPARENT})
    try:
        said = add_context(None, "", {"event": "x"})
    finally:
        REQUEST.reset(token)
    assert said == {"event": "x", "request_id": "17", "trace_id": TRACEPARENT[3:35], "span_id": TRACEPARENT[36:52]}


def test_an_id_of_nothing_but_digits_stays_what_the_answer_to_the_request_said() -> None:
    ids = {"request_id": "1380013800000001", "span_id": "6217001234567890"}
    assert logs.mask_personal(None, "", ids | {"event": ids["span_id"]}) == ids | {"event": "[masked]"}


def test_a_fault_keeps_its_causes_and_what_is_safe_to_say() -> None:
    try:
        try:
            {}["13985123477"]  # type: ignore[misc] # the fault is meant
        except KeyError as cause:
            raise RuntimeError("the outbox is away") from cause
    except RuntimeError as error:
        said = describe_fault(None, "", {"event": "x", "exc_info": error})
    first, second = said["exception"]
    assert first["message"] == "the outbox is away"
    assert second["type"] == "builtins.KeyError"
    assert "message" not in second


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("11010519491231002X", "[masked]"),
        ("电话13985123477。", "电话[masked]。"),
        ("91520100MA6DK0X17T", "[masked]"),
        ("duplicate key\nDETAIL:  Key (name)=(x) already exists.", "duplicate key"),
        ("01906f2e-7c1a-7000-8000-000000000001", "01906f2e-7c1a-7000-8000-000000000001"),
        ("year 2026, 139851234 fen", "year 2026, 139851234 fen"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "[masked]"),
    ],
)
def test_what_looks_like_a_persons_number_is_masked_and_ids_and_amounts_are_not(text: str, left: str) -> None:
    assert masked(text) == left
    assert masked({"a": [text]}) == {"a": [left]}
    assert logs.mask_personal(None, "", {"event": text}) == {"event": left}
