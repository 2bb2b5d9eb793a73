"""The handbook tells what the code says today, completely, and loads nothing from anywhere else."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from shared.handbook import consistency
from shared.handbook.contents import llms_text, pages
from shared.handbook.events import ASYNCAPI_FILE
from shared.handbook.problems import FILE, problem_entries, what_to_do
from tools.handbook.__main__ import files
from tools.message_schemas import messages

ASYNCAPI_SCHEMA = Path(__file__).parents[2] / "data/asyncapi/3.0.0.json"
CODE_IN_CODE = re.compile(r'code(?:: ClassVar\[str\])? = "([a-z_]+\.[a-z_]+)"')
CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("path", [FILE, ASYNCAPI_FILE, consistency.FILE], ids=lambda path: path.name)
def test_what_is_generated_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m tools.handbook"


def test_every_code_that_the_source_names_has_its_page() -> None:
    named = {
        code
        for folder in ("shared", "services", "operations")
        for file in (CHECKOUT / folder).rglob("*.py")
        for code in CODE_IN_CODE.findall(file.read_text(encoding="utf-8"))
    }
    assert len(named) > 250
    assert named - problem_entries().keys() == set()
    assert {f"/problems/{code}" for code in problem_entries()} <= pages().keys()


def test_every_page_of_a_problem_says_what_it_means_and_what_to_do_in_both_languages() -> None:
    for code, entry in problem_entries().items():
        zh, en = what_to_do(entry)
        assert re.search(r"[\u4e00-\u9fff]", entry.sentence), code
        assert len(entry.meaning) > 15, code
        text = pages()[f"/problems/{code}"].text
        assert zh in text, code
        assert en in text, code


def test_nothing_of_a_page_comes_from_another_origin_and_every_link_within_leads_somewhere() -> None:
    for page in pages().values():
        assert re.findall(r"""(?:src=|<link[^>]*href=)["'](?!/)""", page.html) == [], page.path
        for target in re.findall(r'href="(/(?:guide|problems)[^"#]*)"', page.html):
            known = target.removesuffix(".md") in pages() or target == "/guide/style.css"
            assert known, f"{page.path} leads to {target}"
        assert "<script" not in page.html


def test_what_stands_in_a_page_is_text_and_no_markup_of_its_own() -> None:
    problem = pages()["/problems/request.malformed"]
    assert "&lt;" not in problem.html or "<script" not in problem.html
    assert pages()["/guide"].html.startswith("<!doctype html>")


def test_the_asyncapi_document_is_valid_and_holds_every_message() -> None:
    schema = json.loads(ASYNCAPI_SCHEMA.read_text(encoding="utf-8"))
    document = json.loads(ASYNCAPI_FILE.read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(document)
    told = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert told == {kind.type_name() for kind in messages()}


def test_every_channel_has_one_sender_and_a_reader() -> None:
    document = json.loads(ASYNCAPI_FILE.read_text(encoding="utf-8"))
    for key in document["channels"]:
        operations = [one for one in document["operations"].values() if one["channel"]["$ref"] == f"#/channels/{key}"]
        assert [one["action"] for one in operations].count("send") == 1, key
    assert {"order.receive.voucher.to.order", "voucher.receive.order.to.voucher"} <= document["operations"].keys()


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    text = ASYNCAPI_FILE.read_text(encoding="utf-8")
    document = json.loads(text)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found = document
        for part in reference.split("/"):
            found = found[part]


def test_llms_txt_names_every_guide_and_every_interface() -> None:
    text = llms_text()
    assert text.startswith("# 云券 Yunquan\n")
    for page in pages().values():
        assert not page.path.startswith("/guide") or f"({page.path}.md)" in text
    assert text.count("openapi.json") == 5
    assert "/asyncapi.json" in text
