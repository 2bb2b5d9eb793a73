"""How a page of the handbook looks: Markdown is the source, HTML is made of it."""

from dataclasses import dataclass
from html import escape
from typing import Final

from markdown_it import MarkdownIt

from shared.handbook.problems import ProblemEntry, what_to_do

STYLE: Final = """
:root{color-scheme:light;--ink:#1c2733;--soft:#4f5e6c;--line:#d9e1e8;--back:#f4f7f9;--blue:#0b5cad}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff;
font:16px/1.7 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
header{background:var(--back);border-bottom:1px solid var(--line);padding:12px max(20px,calc(50vw - 440px))}
header a{margin-right:20px}
main{max-width:880px;margin:0 auto;padding:20px}
footer{max-width:880px;margin:0 auto;padding:20px;color:var(--soft);font-size:14px}
a{color:var(--blue)}a:focus-visible{outline:3px solid var(--blue);outline-offset:2px}
h1{font-size:28px;line-height:1.3}h1 code{font-size:inherit}h2{font-size:20px;margin-top:32px}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;border-bottom:1px solid var(--line)}
code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px;background:var(--back)}
code{padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}
pre{padding:14px;overflow-x:auto;border-radius:6px}pre code{padding:0}
""".strip()
STYLE_PATH: Final = "/guide/style.css"
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address without an ending, its title, and its text in Markdown, which begins with the title."""

    path: str
    title: str
    text: str
    summary: str = ""

    @property
    def html(self) -> str:
        """The page for a browser; it needs no script."""
        return (
            '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
            f"<title>{escape(self.title)} · 云券 Yunquan</title>"
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<link rel="stylesheet" href="{STYLE_PATH}">'
            f'<link rel="alternate" type="text/markdown" href="{self.path}.md"></head><body>'
            '<header><nav aria-label="手册"><a href="/guide">手册</a><a href="/guide/events">事件</a>'
            '<a href="/problems">错误代码</a><a href="/llms.txt">llms.txt</a></nav></header>'
            f'<main>{_MARKDOWN.render(self.text)}</main><footer><a href="{self.path}.md">Markdown</a></footer>'
            "</body></html>"
        )


def problem_page(entry: ProblemEntry) -> Page:
    """The page at the `type` of a problem."""
    zh, en = what_to_do(entry)
    facts = [f"- `{name}`" for name in entry.facts]
    lines = [
        f"# `{entry.code}`",
        f"**{entry.status} {entry.title}**",
        "## 含义 Meaning",
        _sentence(entry),
        entry.meaning,
        "## 怎么办 What to do",
        zh,
        en,
        "## 细节 Details",
        "\n".join(
            [
                "| | |",
                "|---|---|",
                f"| HTTP | {entry.status} |",
                f"| 依据 Article | {entry.article or '—'} |",
                f"| 稍后原样重试可能成功 `retryable` | {'是 yes' if entry.retryable else '否 no'} |",
                f"| 随 Idempotency-Key 保存 Kept with its key | {'是 yes' if entry.kept else '否 no'} |",
                f"| 服务 Services | {', '.join(entry.services) or '全部 all'} |",
            ]
        ),
    ]
    if facts:
        lines += ["`facts`:", "\n".join(facts)]
    lines.append("[所有错误代码 All problem codes](/problems)")
    return Page(f"/problems/{entry.code}", entry.code, "\n\n".join(lines) + "\n", summary=entry.meaning)


def _sentence(entry: ProblemEntry) -> str:
    """The Chinese sentence, its facts as code: what stands there differs from case to case."""
    text = entry.sentence
    for name in entry.facts:
        text = text.replace("{" + name + "}", f"`{name}`")
    return f"“{text}”"
