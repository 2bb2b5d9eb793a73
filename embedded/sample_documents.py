"""Made-up papers for the demonstration and the tests: valid PNG, JPEG and PDF files, repeatable by seed.

Nothing on them belongs to anybody: the text is given by the caller or numbered by the seed.
"""

import random
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

WIDTH_PX = 800
HEIGHT_PX = 600
_LINE_PX = 34
_LINES_MAX = 14


def paper_png(seed: int, *, lines: Sequence[str] = ()) -> bytes:
    """A scanned-looking page of 800 x 600 px as PNG; `lines` are printable ASCII."""
    file = BytesIO()
    _page(seed, lines=lines).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def paper_jpeg(seed: int, *, lines: Sequence[str] = ()) -> bytes:
    """A scanned-looking page of 800 x 600 px as JPEG; `lines` are printable ASCII."""
    file = BytesIO()
    _page(seed, lines=lines).save(file, format="JPEG", quality=80)
    return file.getvalue()


def paper_pdf(seed: int, *, lines: Sequence[str] = (), pages: int = 1) -> bytes:
    """A PDF of A4 pages with selectable text; `lines` are printable ASCII, repeated on each page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    page_numbers = [4 + 2 * index for index in range(pages)]
    kids = b" ".join(b"%d 0 R" % number for number in page_numbers)
    objects.append(b"<< /Type /Pages /Count %d /Kids [%b] >>" % (pages, kids))
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for index, number in enumerate(page_numbers):
        content = _pdf_text([*_wording(seed, lines=lines), f"Page {index + 1} of {pages}"])
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (number + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    return _pdf_file(objects)


def _wording(seed: int, *, lines: Sequence[str]) -> list[str]:
    chosen = random.Random(seed)  # noqa: S311 - made-up papers are to be repeatable, not secret
    serial = f"No. {chosen.randrange(10**12):012d}"
    return [*(lines[: _LINES_MAX - 1] or ("Specimen paper", "For demonstration only")), serial]


def _page(seed: int, *, lines: Sequence[str]) -> Image.Image:
    page = Image.new("L", (WIDTH_PX, HEIGHT_PX), color=250)
    draw = ImageDraw.Draw(page)
    draw.rectangle((20, 20, WIDTH_PX - 20, HEIGHT_PX - 20), outline=0, width=4)
    # A dark band and a seal give the contrast that a real licence has.
    draw.rectangle((20, 20, WIDTH_PX - 20, 64), fill=40)
    draw.ellipse((600, 420, 740, 560), outline=60, width=10)
    font = ImageFont.load_default()
    for index, line in enumerate(_wording(seed, lines=lines)):
        draw.text((60, 90 + index * _LINE_PX), line, fill=0, font=font)
    return page


def _pdf_text(lines: Sequence[str]) -> bytes:
    shown = [
        b"(%b) Tj T*" % line.translate({40: r"\(", 41: r"\)", 92: r"\\"}).encode("ascii", "replace") for line in lines
    ]
    return b"BT /F1 14 Tf 24 TL 72 760 Td\n" + b"\n".join(shown) + b"\nET"


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    file = BytesIO()
    file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(file.tell())
        file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table_at = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table_at))
    return file.getvalue()
