"""The page at the root of the embedded platform."""

from datetime import UTC, datetime

from embedded.front import Front, SignIn, render
from embedded.proof import Proof


def test_only_the_table_of_amounts_keeps_its_width_on_a_narrow_screen() -> None:
    page = render(Front(sign_ins=()))
    assert "table{border-collapse:collapse;width:100%}" in page
    assert "@media(max-width:640px)" in page


def test_a_sign_in_is_shown_as_text_and_never_as_markup() -> None:
    page = render(Front(sign_ins=(SignIn(role="enterprise", title="<b>甲</b>", name="a&b", password="<i>"),)))
    assert "<b>甲</b>" not in page
    assert "&lt;b&gt;甲&lt;/b&gt;" in page
    assert "a&amp;b" in page


def test_the_proof_says_of_which_moment_it_is() -> None:
    proof = Proof(plans=[], checks=[])
    page = render(Front(sign_ins=(), proof=proof, proved_at=datetime(2026, 1, 31, 16, 5, tzinfo=UTC)))
    assert "核对于本次启动时（北京时间 2026-02-01 00:05）" in page
