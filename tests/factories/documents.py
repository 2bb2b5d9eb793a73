"""Documents for tests: the papers of the demonstration, and hostile variations of them."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image
from pypdf import PdfReader, PdfWriter

from embedded.sample_documents import paper_jpeg, paper_pdf, paper_png

__all__ = [
    "a_blank_png",
    "a_jpeg_segment",
    "a_pdf",
    "a_picture",
    "a_png_chunk",
    "a_png_claiming",
    "a_stream",
    "an_encrypted_pdf",
    "an_exif",
    "paper_jpeg",
    "paper_pdf",
    "paper_png",
    "revised",
    "saved",
    "with_chunks",
    "with_segments",
]


def a_png_chunk(kind: bytes, content: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def a_png_claiming(*, width_px: int, height_px: int) -> bytes:
    """A tiny, well-formed PNG whose header claims this size: a decompression bomb's front."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + a_png_chunk(b"IHDR", header) + a_png_chunk(b"IDAT", pixels) + a_png_chunk(b"IEND", b"")
    )


def a_blank_png(*, width_px: int = 800, height_px: int = 600, mode: str = "L") -> bytes:
    """An evenly light PNG, as from a camera with the lens covered."""
    file = BytesIO()
    Image.new(mode, (width_px, height_px), color=1 if mode == "1" else "white").save(file, format="PNG")
    return file.getvalue()


def an_encrypted_pdf() -> bytes:
    """A PDF that opens with a password only."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(paper_pdf(1))))
    writer.encrypt("secret", algorithm="AES-256")
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def a_picture(mode: str = "RGB", *, width_px: int = 1200, height_px: int = 900) -> Image.Image:
    """A page that is half dark, in any of Pillow's colour modes."""
    page = Image.new("L", (width_px, height_px), color=255)
    page.paste(0, (0, 0, width_px // 2, height_px))
    if mode == "I;16":
        return Image.frombytes("I;16", page.size, b"".join(bytes((value, value)) for value in page.tobytes()))
    return page.convert(mode)


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as a file."""
    file = BytesIO()
    picture.save(file, format=form, **options)
    return file.getvalue()


def a_jpeg_segment(marker: int, content: bytes) -> bytes:
    """One JPEG segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def an_exif(*, orientation: int, text: str = "Chen Xiaoman", order: str = ">") -> bytes:
    """An Exif block as a camera writes it: orientation, the owner's name, a place."""
    owner = text.encode() + b"\x00"
    head = b"MM\x00*" if order == ">" else b"II*\x00"
    at_owner = 8 + 2 + 3 * 12 + 4
    entries = [
        struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0),
        struct.pack(f"{order}HHII", 0x013B, 2, len(owner), at_owner),
        struct.pack(f"{order}HHII", 0x8825, 4, 1, at_owner + len(owner)),
    ]
    place = struct.pack(f"{order}HHHI4sI", 1, 1, 2, 2, b"N\x00\x00\x00", 0)
    directory = struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    return head + directory + owner + place


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments behind its first marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """A PNG with chunks behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def a_pdf(*objects: bytes, catalog: bytes = b"", page: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF of one page; `objects` are numbered from 10, the others are entries of the three dictionaries."""
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >> %b >>" % page,
        **dict(enumerate(objects, start=10)),
    }
    file, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), {}
    for number, body in bodies.items():
        offsets[number] = len(file)
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table_at = len(file)
    file += b"xref\n0 1\n0000000000 65535 f \n"
    for number, offset in offsets.items():
        file += b"%d 1\n%010d 00000 n \n" % (number, offset)
    size = max(offsets) + 1
    file += b"trailer\n<< /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, table_at)
    return bytes(file)


def revised(pdf: bytes, number: int, body: bytes) -> bytes:
    """A PDF with a later revision of one object behind its end."""
    before = int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0])
    offset = len(pdf)
    added = b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, offset)
    trailer = b"trailer\n<< /Size 100 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (before, offset + len(added))
    return pdf + added + table + trailer


def a_stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object's body."""
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), entries, content)
