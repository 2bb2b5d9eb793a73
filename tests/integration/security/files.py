"""Files that pretend to be papers."""

from io import BytesIO
from zipfile import ZipFile

from embedded.sample_documents import paper_jpeg, paper_pdf, paper_png
from tests.factories.documents import a_png_claiming, an_encrypted_pdf

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def a_zip() -> bytes:
    """An archive with one file."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("../../evil.sh", "#!/bin/sh")
    return file.getvalue()


PRETENDERS: dict[str, tuple[bytes, int]] = {
    "HTML named PNG": (b"<!doctype html><script>alert(1)</script>", 415),
    "SVG with a script": (_SVG, 415),
    "PNG with a trailing archive": (paper_png(1) + a_zip(), 415),
    "PNG with a trailing program": (paper_png(1) + b"\x00MZ\x90", 415),
    "JPEG with trailing markup": (paper_jpeg(1) + b"<script>alert(1)</script>", 415),
    "PDF with a trailing archive": (paper_pdf(1) + a_zip(), 415),
    "PDF that runs a script": (paper_pdf(1).replace(b"/Type /Catalog", b"/Type /Catalog /OpenAction 1 0 R", 1), 415),
    "encrypted PDF": (an_encrypted_pdf(), 415),
    "PNG of 50,000 x 50,000": (a_png_claiming(width_px=50_000, height_px=50_000), 413),
    "half a PNG": (paper_png(1)[:400], 415),
    "PNG's first bytes only": (b"\x89PNG\r\n\x1a\n", 415),
    "archive": (a_zip(), 415),
    "executable": (b"\x7fELF" + bytes(200), 415),
    "nothing": (b"", 415),
    "eleven mebibytes": (paper_png(1) + bytes(11 * 1024 * 1024), 413),
    "twenty-five mebibytes": (bytes(25 * 1024 * 1024), 413),
}
