"""JSON has one form on hot and cold routes (RFC 8259, 4, 6 and 8.1; RFC 7493, 2.3)."""

import pytest

from shared.runtime.validation.json_form import check_form, check_form_of_taken
from shared.runtime.validation.refusals import BadRequest

TWICE = (
    b'{"a":1,"a":1}',
    b'{"a":1,"b":{"c":[{"d":1},{"d":1,"d" \n: 2}]}}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":"\\"b","a":2}',
    b'{"a":",","a":2}',
)
ONCE = (b"{}", b"", b'{"a":1,"b":{"a":1}}', b'[{"a":1},{"a":1}]', b'{"a":"b\\":1","b":2}', b'{"a":"a","b":"a:"}')
FORMS = (
    *(
        '{"a":"é"}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32-be"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xe9"}',
        b'{"a":"\xed\xa0\x80"}',
    ),
    *(b'{"a":NaN}', b'{"a":[Infinity]}', b'{"a":-Infinity}'),
)


@pytest.mark.parametrize("body", TWICE)
def test_a_name_twice_in_an_object_is_refused_however_it_is_written(body: bytes) -> None:
    for check in (check_form, check_form_of_taken):
        with pytest.raises(BadRequest) as caught:
            check(body)
        assert str(caught.value.facts["reason"]).startswith("字段重复：")


@pytest.mark.parametrize("body", ONCE)
def test_a_name_in_two_objects_or_in_a_text_is_no_repetition(body: bytes) -> None:
    check_form(body)
    check_form_of_taken(body)


@pytest.mark.parametrize("body", FORMS)
def test_other_encodings_and_numbers_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        check_form(body)


def test_what_is_no_json_is_left_to_the_parser() -> None:
    for body in (b"{", b"[1,", b"1" * 5_000, b"[" * 100_000):
        check_form(body)
