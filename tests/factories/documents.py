"""Documents for tests: the papers of the demonstration, and hostile variations of them."""

import struct
import zlib
from io import BytesIO

from PIL import Image
from pypdf import PdfReader, PdfWriter

from embedded.papers import paper_jpeg, paper_pdf, paper_png

__all__ = [
    "a_blank_png",
    "a_png_chunk",
    "a_png_claiming",
    "an_encrypted_pdf",
    "paper_jpeg",
    "paper_pdf",
    "paper_png",
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
