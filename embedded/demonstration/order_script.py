"""The story's orders and applications as tables: who asks for how much, who buys what, and when."""

from collections.abc import Mapping

from embedded.demonstration.orders import Plot

# fmt: off
_ASKED_YUAN = (
    50_000, 30_000, 40_000, 50_000, 35_000, 20_000, 45_000, 50_000, 30_000, 20_000,
    35_000, 15_000, 40_000, 50_000, 30_000, 35_000, 20_000, 50_000, 30_000, 40_000,
    15_000, 35_000, 50_000, 30_000, 20_000, 50_000, 30_000,
)
# fmt: on
LAST_YEAR_YUAN: Mapping[int, int] = dict(enumerate(_ASKED_YUAN)) | {28: 50_000, 29: 40_000}
"""What each enterprise asks for last year, by its place; the twenty-eighth is too young."""
LAST_YEAR_TOTAL_YUAN = 800_000
INCREASE_YUAN = 100_000
THIS_YEAR_YUAN: Mapping[int, int] = {place: 30_000 + 5_000 * (place % 5) for place in range(20)} | {27: 30_000}
THIS_YEAR_TOTAL_YUAN = 1_000_000


def _plot(key: str, place: int, *lines: tuple[int, int, int]) -> Plot:
    return Plot(key=key, place=place, lines=lines)


SPRING = (
    _plot("s01", 0, (1, 0, 4)),
    _plot("s02", 1, (3, 0, 6)),
    _plot("s03", 2, (9, 0, 2)),
    _plot("s04", 3, (16, 0, 1), (17, 0, 1)),
    _plot("s05", 4, (5, 0, 1)),
    _plot("s06", 7, (11, 0, 1)),
    _plot("s07", 8, (19, 0, 2)),
    # Two layers, hence two ratios, in one order.
    _plot("s08", 12, (1, 1, 1), (10, 0, 1)),
    _plot("s09", 13, (13, 0, 2), (13, 1, 4)),
    # The second line takes no voucher.
    _plot("s10", 15, (15, 0, 3), (20, 0, 1)),
    _plot("s11", 9, (8, 0, 1)),
    _plot("s12", 17, (18, 0, 2)),
)
CANCELLED = _plot("cancelled", 5, (17, 0, 2))
DECLINED = _plot("declined", 16, (5, 0, 1))
# More than is left on the account, which only the voucher service knows for certain.
TOO_DEAR = Plot(key="too-dear", place=11, lines=((16, 0, 1),), voucher=1_560_000)
FORGOTTEN = _plot("forgotten", 18, (12, 0, 1))
SELF_PAID = Plot(key="self-paid", place=14, lines=((2, 0, 2),), voucher="none")
TIED = Plot(key="tied", place=29, lines=((2, 0, 1),), voucher="none")

SUMMER = (
    _plot("u01", 18, (1, 0, 3)),
    _plot("u02", 19, (16, 0, 1)),
    _plot("u03", 21, (11, 0, 1), (11, 1, 2)),
    _plot("u04", 22, (13, 0, 1)),
    _plot("u05", 23, (6, 0, 2)),
    _plot("u06", 24, (19, 0, 1)),
    _plot("u07", 0, (7, 0, 1)),
    _plot("u08", 2, (10, 0, 1)),
)
AUTUMN = (
    _plot("a02", 26, (3, 1, 3)),
    _plot("a03", 28, (16, 0, 1)),
    _plot("a04", 3, (18, 0, 1)),
    _plot("a05", 7, (9, 0, 1)),
    _plot("a06", 20, (15, 0, 2)),
)
OFF_DIRECTORY = _plot("off-directory", 25, (14, 0, 10))
TOO_LATE = _plot("too-late", 26, (14, 0, 1))
WINTER = (
    _plot("w01", 12, (12, 0, 1)),
    _plot("w02", 17, (8, 0, 2)),
    _plot("w04", 13, (13, 0, 1)),
)
YEAR_END = _plot("year-end", 19, (9, 1, 2))

THIS_SPRING = (
    _plot("n01", 0, (1, 0, 3)),
    _plot("n02", 1, (9, 0, 1)),
    _plot("n03", 2, (16, 0, 1)),
    _plot("n04", 3, (3, 0, 4)),
    _plot("n05", 4, (11, 0, 1)),
    _plot("n06", 5, (13, 0, 1)),
    _plot("n07", 6, (19, 0, 1)),
    _plot("n08", 7, (5, 0, 1)),
    _plot("n09", 8, (17, 0, 2)),
    _plot("n10", 27, (1, 1, 1), (10, 0, 1)),
)
THIS_SUMMER = (
    _plot("m01", 9, (18, 0, 1)),
    _plot("m02", 10, (6, 0, 2)),
    _plot("m03", 11, (12, 0, 1)),
    _plot("m04", 12, (15, 0, 4)),
    _plot("m05", 13, (3, 1, 2)),
)
TODAY = (
    _plot("t01", 0, (17, 0, 1)),
    _plot("t02", 14, (1, 0, 2)),
    _plot("t03", 15, (9, 0, 1)),
    _plot("t04", 16, (8, 0, 1)),
)
