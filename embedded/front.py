"""The page at `/`: the services, sample sign-ins, the proof, and the API documents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from embedded.platform import SERVICES
from embedded.proof import Check, PlanProof, Proof
from operations.differences import signed_yuan
from shared.kernel.calendar import BEIJING


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A made-up account of the demonstration."""

    role: str
    title: str
    name: str
    password: str


@dataclass(slots=True)
class Front:
    """What the page shows; filled as the start goes on."""

    sign_ins: Sequence[SignIn] = field(default=())
    proof: Proof | None = None
    proved_at: datetime | None = None
    """When the proof was read; it is of that moment and is not read again while the platform runs."""


COLUMNS = (
    ("left_fen", "未分配"),
    ("earmarked_fen", "已预留"),
    ("available_fen", "可用"),
    ("held_fen", "冻结"),
    ("committed_fen", "已承诺"),
    ("claimed_fen", "申请兑现"),
    ("redeemed_fen", "已兑现"),
    ("taken_back_fen", "已收回"),
)
STYLE = """
:root{--ink:#1c2733;--soft:#5b6b7a;--line:#d9e1e8;--paper:#fff;--back:#f4f7f9;--blue:#0b5cad;--good:#1b7f4d;--bad:#b3261e}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.65 "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
header{background:var(--blue);color:#fff;padding:28px max(24px,calc(50vw - 560px))}
header h1{margin:0;font-size:26px}header p{margin:4px 0 0;opacity:.9}
main{max-width:1120px;margin:24px auto;padding:0 24px;display:grid;gap:24px}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 24px;overflow-x:auto}
h2{margin:0 0 12px;font-size:18px}table{border-collapse:collapse;width:100%}
table.wide{min-width:640px}
th,td{text-align:left;padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:500;white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
a{color:var(--blue)}
code{font:13px/1.4 ui-monospace,Menlo,monospace}
code{background:var(--back);padding:1px 5px;border-radius:4px}
@media(max-width:640px){main{margin:12px auto;padding:0 12px;gap:12px}section{padding:14px 14px}
table{font-size:13px}th,td{padding-right:8px}code{font-size:12px;overflow-wrap:anywhere}}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
footer{color:var(--soft);padding:0 24px 32px;text-align:center}
"""


def render(front: Front) -> str:
    """The page as HTML."""
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>云券 Yunquan</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><header><h1>云券 Yunquan</h1>"
        "<p>贵州省企业上云服务系统 · 云使用券的申领、使用、兑现全流程</p></header><main>"
        f"{_services()}{_sign_ins(front.sign_ins)}{_proof(front.proof, front.proved_at)}</main>"
        "<footer>演示数据均为虚构；业务时钟可前移，演示自去年 1 月 1 日起至今日</footer></body></html>"
    )


def _services() -> str:
    rows = "".join(
        f"<tr><td><b>{escape(each.title or each.name)}</b> <code>{each.name}</code></td><td>{escape(each.duty)}</td>"
        f'<td><a href="/api/{each.name}/v1/docs">API 文档</a></td>'
        f'<td><a href="/api/{each.name}/v1/openapi.json">OpenAPI</a></td></tr>'
        for each in SERVICES
    )
    return (
        f"<section><h2>服务</h2><table><tr><th>服务</th><th>职责</th><th></th><th></th></tr>{rows}</table>"
        '<p><a href="/guide">接入手册</a> · <a href="/problems">错误代码</a> · <a href="/health/ready">运行状态</a> · '
        '<a href="/api/catalog/v1/directory">公开产品目录</a> · '
        '<a href="/api/voucher/v1/plans">发放计划</a></p></section>'
    )


def _sign_ins(sign_ins: Sequence[SignIn]) -> str:
    if not sign_ins:
        return "<section><h2>示例账号</h2><p>演示数据正在生成，请稍后刷新。</p></section>"
    rows = "".join(
        f"<tr><td>{escape(item.title)}</td><td><code>{escape(item.name)}</code></td>"
        f"<td><code>{escape(item.password)}</code></td></tr>"
        for item in sign_ins
    )
    return (
        f"<section><h2>示例账号</h2><table><tr><th>角色</th><th>账号</th><th>口令</th></tr>{rows}</table>"
        "<p>登录：<code>POST /api/identity/v1/sessions</code></p></section>"
    )


def _proof(proof: Proof | None, proved_at: datetime | None) -> str:
    if proof is None or proved_at is None:
        return "<section><h2>平衡证明</h2><p>演示结束后给出。</p></section>"
    head = "".join(f'<th class="n">{title}</th>' for _, title in COLUMNS)
    rows = "".join(_plan_row(plan) for plan in proof.plans)
    verdict = '<span class="good">全部平衡</span>' if proof.balances else '<span class="bad">存在差异</span>'
    moment = proved_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    checks = "".join(_check_row(check) for check in proof.checks)
    return (
        f"<section><h2>平衡证明 {verdict}</h2>"
        "<p>计划总额 = 未分配 + 已预留 + 可用 + 冻结 + 已承诺 + 申请兑现 + 已兑现 + 已收回，"
        f"各数均由账本分录重新计算（单位：元），核对于本次启动时（北京时间 {moment}），此后的办理不在其中。</p>"
        f'<table class="wide"><tr><th>年度</th><th class="n">计划总额</th>{head}</tr>{rows}</table><br>'
        f'<table><tr><th>核对项</th><th class="n">核对数</th><th>差异</th></tr>{checks}</table></section>'
    )


def _check_row(check: Check) -> str:
    kind = "bad" if check.differences else "good"
    return (
        f'<tr><td>{escape(check.title)}</td><td class="n">{check.examined}</td>'
        f'<td><span class="{kind}">{len(check.differences)}</span></td></tr>'
    )


def _plan_row(plan: PlanProof) -> str:
    cells = "".join(f'<td class="n">{signed_yuan(getattr(plan, name))}</td>' for name, _ in COLUMNS)
    return f'<tr><td>{plan.year}</td><td class="n">{signed_yuan(plan.total_fen)}</td>{cells}</tr>'
