"""The line finder of policy packs: it must count right through every form of TOML value."""

from shared.contracts.policy.locating import key_lines, key_path_text, line_of


def test_the_scanner_knows_strings_comments_nesting_and_dotted_keys() -> None:
    text = "\n".join(  # noqa: FLY002 - one entry per line keeps the numbers countable
        [
            "# a = 1 [not.a.table]",  # 1
            'a = "x # [y] = \\" z" # tail',  # 2
            'b."c d" = 1',  # 3
            'long = """',  # 4
            "e = 5",  # 5
            '[[f]] "" """',  # 6
            "raw = '''",  # 7
            "it's = 1 '''",  # 8
            "list = [ # first",  # 9
            "  [1, 2],",  # 10
            "  [3,",  # 11
            "   4], { k = [1, 2], l = 3 },",  # 12
            "]",  # 13
            "[t.u]",  # 14
            "v = 'w'",  # 15
            "[[t.x]]",  # 16
            "y = 1",  # 17
            "[[t.x]]",  # 18
            "[t.x.z]",  # 19
            "q = 2",  # 20
        ]
    )
    lines = key_lines(text)
    assert {path: line for path, line in lines.items() if path[0] != "list"} == {
        ("a",): 2,
        ("b", "c d"): 3,
        ("long",): 4,
        ("raw",): 7,
        ("t", "u"): 14,
        ("t", "u", "v"): 15,
        ("t", "x", 0): 16,
        ("t", "x", 0, "y"): 17,
        ("t", "x", 1): 18,
        ("t", "x", 1, "z"): 19,
        ("t", "x", 1, "z", "q"): 20,
    }
    assert [lines["list", 0, 1], lines["list", 1, 0], lines["list", 1, 1], lines["list", 2]] == [10, 11, 12, 12]
    assert line_of(("t", "x", 1, "missing"), lines=lines) == 18
    assert key_path_text(("t", "x", 1, "z")) == "t.x[1].z"
