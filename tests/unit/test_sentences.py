"""What users read is Chinese: amounts in yuan, names for codes, dates as people write them; facts keep their form."""

import ast
import importlib
import pkgutil
import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import services
import shared
from shared.kernel.refusals import Refusal
from shared.kernel.wording import Said, day, moment, yuan

ROOT = Path(__file__).parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z][A-Za-z_]*")
AMOUNT_IN_FEN = re.compile(r"(?:\d|\})\s*分(?!钟)")
PROPER = frozenset(
    {
        "API",
        "ASCII",
        "ETag",
        "HTTP",
        "Idempotency",
        "Key",
        "If",
        "Match",
        "JPEG",
        "JSON",
        "JWK",
        "JWKS",
        "PDF",
        "PEM",
        "PNG",
        "RFC",
        "UTF",
        "UUID",
    }
)
"""Names that have no Chinese form and that whoever integrates looks for."""
LETTERS = {"CreditCodeMalformed": frozenset("IOSVZ"), "ResidentIdMalformed": frozenset("X")}
"""Refusals that speak of letters."""
MARKS_OUT_OF_FIVE = frozenset({"ScoresMissing"})
"""Here the word that also means a fen means a mark."""
NUMBER = re.compile(r"_(?:max|min|px|bytes|s)$")
"""How facts are named that are numbers with a unit or a bound."""
SAID_AS_THEY_ARE: Mapping[str, object] = {
    "axes_zh": "成本节约",
    "count": 3,
    "current": "2018.1",
    "expected": "文本",
    "given": 2,
    "line": 1,
    "lines_zh": "1、2",
    "missing_zh": "发票",
    "maximum": 9,
    "name": "贵州示例科技有限公司",
    "names": "营业执照",
    "reason": "缺少必填项",
    "recognition": "待认定",
    "requested": 3,
    "roles": "财政部门与审计人员",
    "state": "待审核",
    "tie": "隶属关系",
    "version": 2,
    "year": 2026,
    "years": 1,
}
"""Facts that a sentence may name as they are: numbers, versions, and texts that are Chinese already. A new one is
looked at and entered here; a code gets `words`.

What stands here is a sample, so a fact whose callers give codes or a list passed with a Chinese sample of it. Whoever
gives such a fact is looked at too, in `test_no_caller_gives_a_sentence_codes_or_a_list`; a text made of several is
named `..._zh`, beside the fact that keeps the codes."""


def all_refusals() -> list[type[Refusal]]:
    for package in (shared, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: list[type[Refusal]] = []
    waiting = list(Refusal.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(("shared.", "services.")) and hasattr(kind, "zh"):
            found.append(kind)
    return sorted(set(found), key=lambda kind: kind.__qualname__)


REFUSALS = all_refusals()


def names_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def foreign(sentence: str, *, allowed: frozenset[str] = frozenset()) -> list[str]:
    return [word for word in LATIN.findall(sentence) if word not in PROPER | allowed]


def sample_facts(kind: type[Refusal]) -> Iterator[dict[str, object]]:
    """Facts that fit the sentence; once for each code that has a word."""
    facts: dict[str, object] = {}
    for name in names_in(kind.zh) - set(kind.words):
        if name.endswith("_yuan"):
            facts[name.removesuffix("_yuan") + "_fen"] = 123_456
        elif name.endswith("_on_zh"):
            facts[name.removesuffix("_zh")] = "2026-03-05"
        elif name.endswith("_zh") and name not in SAID_AS_THEY_ARE:
            facts[name.removesuffix("_zh")] = "2026-03-04T16:00:00+00:00"
        elif NUMBER.search(name):
            facts[name] = 9
        else:
            assert name in SAID_AS_THEY_ARE, f"{kind.__qualname__} says {name}"
            facts[name] = SAID_AS_THEY_ARE[name]
    if not kind.words:
        yield facts
    for name, known in kind.words.items():
        for code in known:
            yield facts | {name: code}


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__qualname__)
def test_a_refusal_is_a_chinese_sentence_without_codes_and_fen(kind: type[Refusal]) -> None:
    for facts in sample_facts(kind):
        refusal = Refusal.__new__(kind)
        refusal.facts = facts
        sentence = refusal.detail
        assert CHINESE.search(sentence)
        assert foreign(sentence, allowed=LETTERS.get(kind.__name__, frozenset())) == []
        assert "{" not in sentence
        assert kind.__name__ in MARKS_OUT_OF_FIVE or not AMOUNT_IN_FEN.search(sentence)
        assert "1234.56" in sentence or not any(name.endswith("_fen") for name in facts)
        assert "2026年3月5日" in sentence or not any("2026-03" in str(value) for value in facts.values())


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def test_every_refusal_is_given_the_facts_that_its_sentence_names() -> None:
    by_name = {kind.__name__: [] for kind in REFUSALS}
    for kind in REFUSALS:
        by_name[kind.__name__].append(kind)
    lacking = []
    for path, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            kinds = by_name.get(called(call), [])
            if not kinds or any(word.arg is None for word in call.keywords):
                continue
            given = {str(word.arg) for word in call.keywords}
            for kind in kinds:
                wanted = {re.sub(r"_yuan$", "_fen", name) for name in names_in(kind.zh)}
                wanted = {name if name in given else name.removesuffix("_zh") for name in wanted}
                if wanted <= given:
                    break
            else:
                lacking.append(f"{path.name}:{call.lineno} {called(call)}")
    assert lacking == []


NAMES = frozenset({"names", "roles"})
"""Joined facts that are words already: names of papers and of roles, looked at where they are made."""
LISTING = frozenset({"sorted", "list", "tuple", "set"})
CODED = frozenset({"value", "code"})
"""Attributes that hold a code."""


def joined(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and called(value) == "join"


def test_no_caller_gives_a_sentence_codes_or_a_list() -> None:
    """A sentence names several things by `..._zh` alone: a list in it prints brackets, joined codes print codes."""
    said = {kind.__name__: names_in(kind.zh) - set(kind.words) for kind in REFUSALS}
    wrong = []
    for path, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for word in call.keywords:
                if word.arg not in said.get(called(call), ()):
                    continue
                made = isinstance(word.value, ast.List | ast.ListComp) or (
                    isinstance(word.value, ast.Call) and called(word.value) in LISTING
                )
                codes = joined(word.value) and word.arg not in NAMES and not str(word.arg).endswith("_zh")
                if made or codes:
                    wrong.append(f"{path.name}:{call.lineno} {word.arg}")
    assert wrong == []


def notified_reasons() -> Iterator[tuple[str, ast.expr]]:
    for path, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if called(call) == "Notice" or "tell" in called(call) or "notify" in called(call):
                yield from (
                    (f"{path.name}:{call.lineno}", word.value) for word in call.keywords if word.arg == "reason"
                )


def test_no_reason_of_a_notice_is_a_code() -> None:
    found = list(notified_reasons())
    assert len(found) > 20
    wrong = []
    for where, value in found:
        texts = [part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and part.value]
        # A subscript names a column, and a default stands for nothing to say.
        keys = {
            part.slice.value
            for part in ast.walk(value)
            if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant)
        }
        keys |= {
            arg.value
            for part in ast.walk(value)
            if isinstance(part, ast.Call) and called(part) == "get"
            for arg in part.args
            if isinstance(arg, ast.Constant)
        }
        wrong += [(where, text) for text in texts if text not in keys and not CHINESE.search(str(text))]
        wrong += [
            (where, part.attr) for part in ast.walk(value) if isinstance(part, ast.Attribute) and part.attr in CODED
        ]
    assert wrong == []


def sentences() -> Iterator[tuple[str, str, list[str]]]:
    """Every Chinese text in the code: where, its fixed words, and what is put into it."""
    for path, tree in sources():
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inner |= {id(node) for node in ast.walk(tree) if isinstance(node, ast.Expr) for node in [node.value]}
        for node in ast.walk(tree):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                put = [ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)]
                yield where, fixed, put
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                yield where, node.value, []


RAW = re.compile(r"_fen\b(?!\)|'\])|\.value\b|isoformat|\.code\b|\bstate\b(?!\])")
"""What would put a machine's form into a sentence: an amount in fen, a code, a moment."""
NO_SENTENCE = re.compile(r"SELECT|\\[dsD]")
"""Queries, whose titles are looked at on their own, and patterns."""
SPEAKS_OF_FORM = frozenset(
    # The handbook is for engineers, in both languages.
    {
        "shared/runtime/validation/wording.py",
        "services/order/api",
        "services/identity/api",
        "shared/handbook",
        "shared/runtime/http/consistency.py",
    }
)


def test_no_title_that_a_query_gives_a_task_says_a_code_or_fen() -> None:
    titles = [
        (where, title)
        for where, fixed, _ in sentences()
        if "SELECT" in fixed
        for title in re.findall(r"'([^'\n]*)'", fixed)
        if CHINESE.search(title)
    ]
    assert len(titles) > 5
    assert [(where, title) for where, title in titles if foreign(title) or AMOUNT_IN_FEN.search(title)] == []


def test_no_notice_task_or_other_text_says_a_code_or_fen() -> None:
    found = []
    for where, fixed, put in sentences():
        if not CHINESE.search(fixed) or where.startswith(tuple(SPEAKS_OF_FORM)) or NO_SENTENCE.search(fixed):
            continue
        plain = re.sub(r"\{[^{}]*\}", "", fixed)
        raw = [part for part in put if RAW.search(part) and "yuan(" not in part]
        wrong = foreign(plain, allowed=frozenset("AIOSVXZN")) + raw
        if wrong or AMOUNT_IN_FEN.search(re.sub("（1 至 5 分）", "", fixed)):
            found.append(f"{where} {fixed!r} {wrong}")
    assert found == []


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*-20*.toml")), ids=lambda path: path.stem)
def test_no_notice_of_a_policy_pack_says_a_code_or_fen(path: Path) -> None:
    pack = tomllib.loads(path.read_text(encoding="utf-8"))
    for notice in pack["notices"]:
        for text in (value for value in notice.values() if isinstance(value, str) and CHINESE.search(value)):
            assert foreign(re.sub(r"\{[^{}]*\}", "", text)) == []
            assert "_fen}" not in text
            assert not AMOUNT_IN_FEN.search(text)


@pytest.mark.parametrize(
    ("amount_fen", "said"),
    [(0, "0.00"), (5, "0.05"), (123_456, "1234.56"), (-7, "-0.07"), (10**15, "10000000000000.00")],
)
def test_an_amount_is_said_in_yuan_with_two_decimals(amount_fen: int, said: str) -> None:
    assert yuan(amount_fen) == said


def test_days_and_moments_are_said_as_people_write_them_in_beijing() -> None:
    assert day("2026-03-05") == "2026年3月5日"
    assert moment("2026-12-31T16:00:00+00:00") == "2027年1月1日 00:00"
    assert moment("2026-03-05T08:30:00+08:00") == "2026年3月5日 08:30"


def test_a_sentence_with_a_fact_that_nobody_gave_is_a_fault_and_an_unknown_code_is_passed_over() -> None:
    with pytest.raises(KeyError):
        "{price_yuan}".format_map(Said({}, {}))
    assert "{state}".format_map(Said({"state": "brand_new"}, {"state": {"old": "旧"}})) == ""
