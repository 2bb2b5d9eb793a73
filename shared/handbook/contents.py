"""All pages of the handbook, by their address."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from shared.handbook.consistency import consistency_page
from shared.handbook.events import events_page
from shared.handbook.pages import Page, problem_page
from shared.handbook.problems import problem_entries

GUIDES: Final = Path(__file__).with_name("guide")
CHANGELOG: Final = Path(__file__).parents[2] / "CHANGELOG.md"
_SERVICES: Final = ("identity", "catalog", "voucher", "order", "settlement")


@lru_cache(maxsize=1)
def pages() -> Mapping[str, Page]:
    """Every page: guides, events, problems, and the lists of them."""
    guides = [_guide(file) for file in sorted(GUIDES.glob("*.md"))]
    problems = [problem_page(entry) for entry in problem_entries().values()]
    others = [events_page(), consistency_page(), *_changelog()]
    listed = [_index([*guides, *others]), *guides, *others, _problems(), *problems]
    return {page.path: page for page in listed}


def llms_text() -> str:
    """What a program that reads for somebody begins with: every page with a sentence. Source: llmstxt.org."""
    lines = [
        "# 云券 Yunquan",
        "> A government cloud-voucher platform: companies buy reviewed products with vouchers, providers redeem them.",
        "## Guides",
        *(f"- [{page.title}]({page.path}.md): {page.summary}" for page in pages().values() if _is_guide(page)),
        "## Interfaces",
        *(f"- [OpenAPI of {name}](/api/{name}/v1/openapi.json)" for name in _SERVICES),
        "- [AsyncAPI of all events](/asyncapi.json)",
        "## Problem codes",
        "- [All problem codes](/problems.md): what each code means and what one does about it",
        "",
    ]
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])


def _is_guide(page: Page) -> bool:
    return page.path.startswith("/guide")


def _guide(file: Path) -> Page:
    """A hand-written guide: its first line is the title, the paragraph below says what it is about."""
    text = file.read_text(encoding="utf-8")
    title, _, rest = text.partition("\n")
    summary = " ".join(rest.strip().split("\n\n", 1)[0].split())
    return Page(f"/guide/{file.stem}", title.removeprefix("# "), text, summary=summary)


def _changelog() -> Iterator[Page]:
    """What changed; a copy of the code alone, without its checkout or image, has no such file."""
    if CHANGELOG.is_file():
        text = CHANGELOG.read_text(encoding="utf-8")
        yield Page("/guide/changelog", "更新日志 Changelog", text, summary="What changed, version by version.")


def _index(listed: list[Page]) -> Page:
    rows = "\n".join(f"- [{page.title}]({page.path}): {page.summary}" for page in listed)
    documents = "\n".join(
        f"- {name}: [文档 reference](/api/{name}/v1/docs) · [OpenAPI](/api/{name}/v1/openapi.json)"
        for name in _SERVICES
    )
    text = (
        "# 手册 Handbook\n\n接入云券平台所需的全部说明，均由平台自身提供，可离线阅读；"
        "每页地址加 `.md` 即为 Markdown。\n\n"
        f"{rows}\n\n## 接口 Interfaces\n\n{documents}\n- [AsyncAPI](/asyncapi.json)\n\n"
        "## 错误代码 Problem codes\n\n- [全部错误代码](/problems)\n"
    )
    return Page("/guide", "手册 Handbook", text, summary="Where everything is.")


def _problems() -> Page:
    rows = "\n".join(
        f"| [`{entry.code}`](/problems/{entry.code}) | {entry.status} | {entry.meaning.split('. ')[0].rstrip('.')}. |"
        for entry in problem_entries().values()
    )
    text = (
        "# 错误代码 Problem codes\n\n每个错误响应（`application/problem+json`，RFC 9457）的 `type` 即为下列页面的地址，"
        "`code` 稳定不变。\n\n| 代码 code | HTTP | 含义 meaning |\n|---|---|---|\n" + rows + "\n"
    )
    return Page("/problems", "错误代码 Problem codes", text, summary="All problem codes.")
