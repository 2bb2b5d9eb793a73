"""Every problem code of the platform: refusals by their classes, and what is refused before any service is asked."""

import importlib
import inspect
import pkgutil
import re
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import operations
import services
import shared
from shared.handbook.problems import ProblemEntry
from shared.kernel.refusals import Refusal
from shared.runtime.host.host import HTTP_ERRORS
from shared.runtime.http.protocol import REFUSED, TEMPORARY
from shared.runtime.validation.problems import KEPT, RETRYABLE, STATUS, TITLES

CHECKOUT = Path(__file__).resolve().parents[2]
GATEWAY = CHECKOUT / "deploy/compose/gateway.conf"
_SKIPPED = (".migrations", ".__main__")
_PLACED = re.compile(r"^ +(\d{3}|default) +\"?([^\";]+)\"?;$")
_EVERYWHERE = frozenset({"shared", "operations"})
_MORE: Sequence[ProblemEntry] = (
    ProblemEntry(
        code="request.aborted",
        status=400,
        title=TITLES[400],
        sentence="请求未发送完整。",
        meaning="The caller ended the connection before its body was whole; nothing was done.",
        retryable=True,
    ),
    ProblemEntry(
        code="service.fault",
        status=500,
        title=TITLES[500],
        sentence="系统内部错误，已记录，请稍后重试。",
        meaning="A fault of the platform, logged under the request id. It may have acted: the same key tells.",
        retryable=True,
    ),
    ProblemEntry(
        code="idempotency.body_expired",
        status=409,
        title=TITLES[409],
        sentence="该请求早已完成，不会再次执行；请查询该业务的当前状态。",
        meaning="The key was used more than 30 days ago: its answer is not kept any more, and it never runs twice.",
        facts=("resource",),
        kept=True,
    ),
)


def problem_entries() -> Sequence[ProblemEntry]:
    """All problem codes in the order of their names; of classes that share one the first module's counts."""
    found: dict[str, ProblemEntry] = {}
    for entry in [*_of_classes(), *_of_statuses(), *_MORE, *_of_gateway()]:
        found.setdefault(entry.code, entry)
    return [found[code] for code in sorted(found)]


def _of_classes() -> Iterator[ProblemEntry]:
    for package in (shared, services, operations):
        _load(package)
    classes = sorted(_below(Refusal), key=lambda kind: (kind.__module__, kind.__qualname__))
    for kind in classes:
        if kind.__module__.partition(".")[0] in {"shared", "services", "operations"} and hasattr(kind, "code"):
            yield _entry(kind)


def _entry(kind: type[Refusal]) -> ProblemEntry:
    root, _, rest = kind.__module__.partition(".")
    status = STATUS[kind.kind]
    return ProblemEntry(
        code=kind.code,
        status=status,
        title=TITLES[status],
        sentence=kind.zh,
        meaning=_meaning(kind),
        article=kind.article,
        services=() if root in _EVERYWHERE else (rest.partition(".")[0],),
        facts=tuple(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(kind.zh) if name)),
        retryable=kind.momentary or kind.kind in RETRYABLE,
        kept=kind.kind in KEPT and not kind.momentary,
    )


def _meaning(kind: type[Refusal]) -> str:
    """The docstring as one paragraph, without where the rule stands in the scheme: that is the article."""
    text = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return re.sub(r" ?Source: [^;.]*[;.]?$", "", text).strip()


def _of_statuses() -> Iterator[ProblemEntry]:
    """What is refused before a service looks at it."""
    for status, (code, sentence) in HTTP_ERRORS.items():
        yield _plain(status, code, sentence, retryable=False)
    for status, (_, code, sentence) in REFUSED.items():
        yield _plain(status, code, sentence, retryable=status in TEMPORARY)


def _of_gateway() -> Iterator[ProblemEntry]:
    """What the gateway says where no service answered, read from its configuration."""
    text = GATEWAY.read_text(encoding="utf-8")
    codes, details = _map(text, "problem_code"), _map(text, "problem_detail")
    again = _map(text, "problem_retryable")
    for status, code in codes.items():
        if status != "default":
            sentence = details.get(status, details["default"])
            yield _plain(int(status), code, sentence, retryable=again.get(status, "false") == "true")


def _map(text: str, name: str) -> dict[str, str]:
    block = text.partition(f"map $status ${name} {{")[2].partition("}")[0]
    return {found[1]: found[2] for line in block.splitlines() if (found := _PLACED.match(line))}


_MEANINGS = {
    "request.malformed": "It is no request that can be read: broken HTTP, broken JSON, or a field of the wrong kind.",
    "resource.not_found": "There is nothing at this address for you: no such path, or a resource that is not yours.",
    "request.method_not_allowed": "The address exists and does not take this method.",
    "request.timeout": "The request did not arrive whole in time.",
    "request.target_too_long": "The address with its query is longer than 8 KiB.",
    "request.head_too_large": "The header fields are too many or too large.",
    "service.overloaded": "More connections are open than this process takes.",
    "request.too_large": "The body is larger than what the operation takes.",
    "request.rate_exceeded": "More requests at once than the gateway takes from one address.",
    "gateway.fault": "A fault of the gateway.",
    "gateway.service_unavailable": "The service behind the gateway could not be reached; repeat with the same key.",
    "gateway.service_timeout": "The service did not answer the gateway in time. It may have acted: the same key tells.",
}


def _plain(status: int, code: str, sentence: str, *, retryable: bool) -> ProblemEntry:
    title = TITLES.get(status, "请求失败")
    return ProblemEntry(
        code=code, status=status, title=title, sentence=sentence, meaning=_MEANINGS[code], retryable=retryable
    )


def _load(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not any(part in f"{module.name}." for part in (f"{name}." for name in _SKIPPED)):
            importlib.import_module(module.name)


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
