import contextlib
import io
import re
import shlex
from collections.abc import Iterator

import pytest

from operations.command_line import parser
from tests.guides import Block, chapters_for_ci, fenced, fill
from tests.unit.observability.operations_files import (
    CHECKOUT,
    RUNBOOKS,
    WATCH_GUIDE,
    alerts,
    blocks,
    components,
    runbooks,
)

HEADINGS = ["What it means", "Look", "Fix", "Healed", "Escalate"]
BOOKS = [pytest.param(path, id=path.stem) for path in runbooks()]
# What a reader fills in, with something that the command's own parser takes.
BLANKS = {
    "SERVICE": "voucher",
    "EVENT": "01900000-0000-7000-8000-000000000000",
    "ORDER": "01900000-0000-7000-8000-000000000000",
    "SINCE": "2026-11-20T08:00",
    "VERSION": "0.1.0",
    "POD": "voucher-0",
    "NODE": "node-1",
    "TRACE": "4bf92f3577b34da6a3ce929d0e0e4736",
    "REQUEST": "1f3a9c0700000012",
}
KUBECTL_VERBS = {
    "annotate", "apply", "cordon", "create", "delete", "describe", "exec", "get", "label", "logs", "patch", "rollout",
    "scale", "top", "uncordon",
}  # fmt: skip
WITHOUT_NAMESPACE = {"apply", "cordon", "uncordon"}
ROLLOUT_ACTS = {"history", "restart", "status", "undo"}
PARSER = parser()
WORKLOADS = {*components(), "broker-server"}
PROGRAMS_INSIDE = {"rabbitmqctl", "rabbitmq-diagnostics", "date", "ls"}
COMPOSE_VERBS = {"exec", "logs", "ps", "restart", "run", "up"}
READERS = {"grep"}


def _commands() -> Iterator[tuple[Block, str]]:
    for block in blocks("console"):
        for command in block.commands:
            yield block, command


COMMANDS = sorted({command for _, command in _commands()})


def _filled(command: str) -> list[str]:
    """The words of a command with the blanks filled in; a word left in capitals is a blank that nobody explained."""
    words = shlex.split(command)
    filled = [fill(word, BLANKS) for word in words]
    for word in filled:
        assert not re.fullmatch(r"[A-Z]{3,}", word), f"nobody says what {word} stands for"
    return filled


def _parts(words: list[str]) -> list[list[str]]:
    """The programs of a pipe."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


@pytest.mark.parametrize("path", BOOKS)
def test_a_runbook_says_what_it_means_how_to_look_to_fix_to_see_it_healed_and_when_to_escalate(path: object) -> None:
    text = (RUNBOOKS / f"{getattr(path, 'stem', '')}.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)

    assert sections[1::2] == HEADINGS
    assert all(section.strip() for section in sections[2::2])
    assert "```promql" in sections[4], "no query to look with"
    assert "```console" in sections[6], "no command that fixes it"
    assert 15 <= len([line for line in text.splitlines() if line.strip()]) <= 40


@pytest.mark.parametrize("path", BOOKS)
def test_a_runbook_names_the_urgency_and_the_file_of_its_rules(path: object) -> None:
    name = getattr(path, "stem", "")
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    said = text.splitlines()[2]
    urgencies = {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == name}
    files = re.findall(r"`(deploy/observability/rules/\w+\.yaml)`", said)

    assert text.startswith(f"# {name}\n")
    assert urgencies == set(re.findall(r"\b(page|ticket|info)\b", said))
    assert any(f"alert: {name}\n" in (CHECKOUT / file).read_text(encoding="utf-8") for file in files)


def test_the_guide_leads_to_every_runbook() -> None:
    linked = set(re.findall(r"\]\(\.\./runbooks/(\w+)\.md\)", WATCH_GUIDE.read_text(encoding="utf-8")))

    assert linked == {path.stem for path in runbooks()}


def test_every_link_and_every_path_leads_somewhere() -> None:
    broken = []
    for file in (*runbooks(), WATCH_GUIDE):
        text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        linked = [file.parent / target for target in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
        named = [CHECKOUT / path for path in re.findall(r"`((?:deploy|docs|tools)/[\w./-]+)`", text)]
        broken += [f"{file.name}: {path}" for path in (*linked, *named) if not path.exists()]

    assert not broken


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    for file in (*runbooks(), WATCH_GUIDE):
        found = fenced(file)
        assert {block.info for block in found} <= {"promql", "console", "console ci"}, file.name
        assert file == WATCH_GUIDE or not any(block.runs_in_ci for block in found), "of the runbooks nothing is run"
        assert len(found) * 2 == file.read_text(encoding="utf-8").count("```"), "a fence is not closed"
    assert chapters_for_ci(WATCH_GUIDE)
    assert all(line.startswith("$ ") for block in blocks("console") for line in block.text.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    first, *readers = _parts(_filled(command))

    assert all(reader[0] in READERS for reader in readers)
    match first:
        case ["python", "-m", "operations", *arguments]:
            _is_taken_by_the_operators_command_line(arguments)
        case ["python", "-m", module, *_]:
            assert (CHECKOUT / module.replace(".", "/") / "__main__.py").exists()
        case ["make", target, *_]:
            assert re.search(rf"^{target}:", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        case ["kubectl", *arguments]:
            _is_a_plausible_kubectl(arguments)
        case ["docker", "compose", verb, *arguments]:
            assert verb in COMPOSE_VERBS
            services = {*components(), "rabbitmq", "prometheus", "operations"}
            assert verb in {"ps", "up"} or services & set(arguments) or (verb, arguments) == ("logs", [])
        case ["$(tools/promtool.sh)", verb, kind, *files]:
            assert (verb, kind) in {("check", "config"), ("test", "rules")}
            assert all((CHECKOUT / file).exists() for file in files)
        case _:
            pytest.fail(f"nobody checks what {first[0]} is")


def _is_taken_by_the_operators_command_line(arguments: list[str]) -> None:
    said = io.StringIO()
    code: object = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            assert callable(PARSER.parse_args(arguments).run)
        except SystemExit as ended:
            code = ended.code
    assert code == 0, said.getvalue()


def _is_a_plausible_kubectl(arguments: list[str]) -> None:
    in_namespace = arguments[:2] == ["-n", "yunquan"]
    verb, *rest = arguments[2:] if in_namespace else arguments
    assert verb in KUBECTL_VERBS
    assert in_namespace != (verb in WITHOUT_NAMESPACE), "the platform lives in the namespace yunquan"
    if verb == "rollout":
        assert rest[0] in ROLLOUT_ACTS
    if verb == "apply":
        assert rest[0] == "-k"
        assert (CHECKOUT / rest[1] / "kustomization.yaml").exists()
    if verb == "exec":
        before, inside = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
        if "job/operations" in before:
            assert inside == ["sh"]
        else:
            assert (len(before), inside[0] in PROGRAMS_INSIDE) == (1, True)
    for word in rest:
        kind, _, name = word.partition("/")
        if kind in {"deployment", "statefulset"}:
            assert name in WORKLOADS
        found = re.fullmatch(r"app\.kubernetes\.io/name=(.+)", word)
        assert found is None or found[1] in {*components(), "broker"}


def test_a_query_of_a_runbook_leaves_no_blank_unexplained() -> None:
    words = {word for block in blocks("promql") for word in re.findall(r"\b[A-Z]{3,}\b", block.text)}

    assert words <= set(BLANKS)
