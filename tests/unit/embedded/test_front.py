"""The page at the root of the embedded platform."""

from embedded.front import Front, SignIn, render


def test_only_the_table_of_amounts_keeps_its_width_on_a_narrow_screen() -> None:
    page = render(Front(sign_ins=()))
    assert "table{border-collapse:collapse;width:100%}" in page
    assert "@media(max-width:640px)" in page


def test_a_sign_in_is_shown_as_text_and_never_as_markup() -> None:
    page = render(Front(sign_ins=(SignIn(role="enterprise", title="<b>甲</b>", name="a&b", password="<i>"),)))
    assert "<b>甲</b>" not in page
    assert "&lt;b&gt;甲&lt;/b&gt;" in page
    assert "a&amp;b" in page
