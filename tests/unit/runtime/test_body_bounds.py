"""What a parser would make of a body is counted before it runs (ASVS 2.2.1, RFC 8259)."""

import pytest

from shared.kernel.refusals import Refusal
from shared.runtime.validation.body_bounds import BodyBounds, JsonTooDeep, JsonTooManyElements, check_json
from shared.runtime.validation.refusals import BadRequest

BOUNDS = BodyBounds(depth_max=3, elements_max=6)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[[[1]]]",
        b'{"a":{"b":{"c":1}}}',
        b"[1,2,3,4,5,6]",
        b'{"a":[1,2],"b":[3]}',
        b'["[[[[[[[[[", "{{{{{{", ",,,,,,,,"]',
        rb'["\"[[[[[[", "\\", ",,,,,,,,"]',
    ],
)
def test_a_body_within_its_bounds_may_be_parsed_whatever_its_texts_hold(body: bytes) -> None:
    check_json(body, BOUNDS)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"[[[[1]]]]", JsonTooDeep),
        (b'{"a":{"b":{"c":{}}}}', JsonTooDeep),
        (b'["[", [[[', JsonTooDeep),
        (b"[1,2,3,4,5,6,7]", JsonTooManyElements),
        (b'{"a":[1,2],"b":[3,4,5]}', JsonTooManyElements),
        (b"[[],[],[],[]]", JsonTooManyElements),
    ],
)
def test_what_is_deeper_or_longer_is_refused(body: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        check_json(body, BOUNDS)


def test_another_encoding_in_which_nothing_would_be_counted_is_refused() -> None:
    with pytest.raises(BadRequest):
        check_json("[[[[1]]]]".encode("utf-16"), BOUNDS)
