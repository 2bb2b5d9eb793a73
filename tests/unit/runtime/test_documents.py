"""Documents are judged by content: type, size, wholeness and harmlessness."""

import subprocess
import sys
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from shared.documents.dispatch import inspect_document
from shared.documents.inspection import (
    DocumentActiveContent,
    DocumentBroken,
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooLarge,
    DocumentTooManyPages,
    DocumentTooManyPixels,
    DocumentTrailingContent,
    DocumentTypeUnsupported,
    InspectedDocument,
    LegibilityReason,
    MediaType,
)
from shared.kernel.refusals import Bug, Refusal
from tests.factories.documents import (
    a_blank_png,
    a_png_chunk,
    a_png_claiming,
    an_encrypted_pdf,
    paper_jpeg,
    paper_pdf,
    paper_png,
)

LIMITS = DocumentLimits()
PNG_SIGNATURE_AND_HEADER_BYTES = 33


def inspect(content: bytes, *, limits: DocumentLimits = LIMITS) -> InspectedDocument:
    return inspect_document(content, limits=limits)


def test_a_service_does_not_load_the_decoders_which_only_the_process_that_judges_needs() -> None:
    """Pillow and pypdf take several MB of each process that has them."""
    asked = "import sys, shared.documents.dispatch, shared.documents.uploads;"
    asked += "sys.exit(any(name.partition('.')[0] in {'PIL', 'pypdf'} for name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", asked], check=False, timeout=60)  # noqa: S603 - our own lines
    assert ended.returncode == 0


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("content", "media_type"),
    [(paper_png(1), MediaType.PNG), (paper_jpeg(1), MediaType.JPEG)],
)
def test_a_scanned_licence_is_accepted_and_called_legible(content: bytes, media_type: MediaType) -> None:
    found = inspect(content)
    assert found.media_type is media_type
    assert (found.width_px, found.height_px, found.pages) == (800, 600, 1)
    assert found.legibility.legible
    assert found.size_bytes == len(content)
    assert len(found.sha256) == 32


def test_a_pdf_is_accepted_with_its_pages_counted() -> None:
    found = inspect(paper_pdf(1, pages=3))
    assert (found.media_type, found.pages, found.width_px) == (MediaType.PDF, 3, None)
    assert found.legibility.reason is LegibilityReason.NOT_MEASURED


def test_papers_repeat_by_seed_and_differ_between_seeds() -> None:
    for paper in (paper_png, paper_jpeg, paper_pdf):
        assert paper(7) == paper(7)
        assert paper(7) != paper(8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><html></html>",
        b"PK\x03\x04" + bytes(100),
        b"GIF89a" + bytes(100),
        b"\x00" + paper_png(1),
        b"GIF89a/*" + paper_pdf(1),
    ],
)
def test_content_of_another_type_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(DocumentTypeUnsupported):
        inspect(content)


def test_a_file_over_the_size_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    content = paper_png(1)
    inspect(content, limits=DocumentLimits(size_max_bytes=len(content)))
    with pytest.raises(DocumentTooLarge) as refused:
        inspect(content, limits=DocumentLimits(size_max_bytes=len(content) - 1))
    assert str(len(content)) in refused.value.detail


def test_a_pixel_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(DocumentTooManyPixels) as refused:
        inspect(a_png_claiming(width_px=50_000, height_px=50_000))
    assert refused.value.facts == {"width_px": 50_000, "height_px": 50_000, "pixels_max": 40_000_000}


def test_a_jpeg_claiming_too_many_pixels_is_refused() -> None:
    content = bytearray(paper_jpeg(1))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(DocumentTooManyPixels):
        inspect(bytes(content))


def test_a_second_frame_header_in_a_jpeg_is_refused() -> None:
    content = paper_jpeg(1)
    frame = content.index(b"\xff\xc0")
    length = int.from_bytes(content[frame + 2 : frame + 4], "big") + 2
    with pytest.raises(DocumentBroken):
        inspect(content[:frame] + content[frame : frame + length] + content[frame:])


def test_no_limit_above_the_decoders_own_can_be_set() -> None:
    with pytest.raises(Bug):
        DocumentLimits(pixels_max=200_000_000)


@pytest.mark.parametrize("content", [paper_png(1), paper_jpeg(1), paper_pdf(1)])
@pytest.mark.parametrize("tail", [b"PK\x03\x04zip", b"MZ\x90", b"%PDF-1.4"])
def test_anything_behind_the_end_is_refused(content: bytes, tail: bytes) -> None:
    with pytest.raises(DocumentTrailingContent):
        inspect(content + tail)


def test_a_whole_second_image_behind_the_end_is_cut_and_only_the_first_is_kept() -> None:
    assert inspect(paper_jpeg(1) + paper_jpeg(2)).content == paper_jpeg(1)


def test_line_ends_behind_the_end_of_a_pdf_are_fine() -> None:
    assert inspect(paper_pdf(1) + b"\r\n\n").pages == 1


@pytest.mark.parametrize("content", [paper_png(1), paper_jpeg(1), paper_pdf(1)])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_torn_file_is_refused(content: bytes, part: float) -> None:
    with pytest.raises(DocumentBroken):
        inspect(content[: int(len(content) * part)])


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    content = bytearray(paper_png(1))
    content[20] ^= 1
    with pytest.raises(DocumentBroken):
        inspect(bytes(content))


def test_a_png_whose_pixels_end_early_is_refused() -> None:
    with pytest.raises(DocumentBroken):
        inspect(a_png_claiming(width_px=2_000, height_px=2_000))


def test_a_script_in_a_text_chunk_of_an_image_is_refused() -> None:
    content = paper_png(1)
    at = PNG_SIGNATURE_AND_HEADER_BYTES
    chunk = a_png_chunk(b"tEXt", b"Comment\x00<ScRiPt>alert(1)</script>")
    with pytest.raises(DocumentActiveContent):
        inspect(content[:at] + chunk + content[at:])


def a_pdf_with(extra: DictionaryObject, *, compressed: bool) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(paper_pdf(1))))
    writer.root_object[NameObject("/PieceInfo")] = ArrayObject([writer._add_object(extra)])
    file = BytesIO()
    writer.write(file)
    content = file.getvalue()
    # The name written with an escape means the same to a PDF reader and hides from a search for bytes.
    return (
        content.replace(b"/JavaScript", b"/Java#53cript").replace(b"/Launch", b"/#4caunch") if compressed else content
    )


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "extra",
    [
        DictionaryObject({NameObject("/S"): NameObject("/JavaScript")}),
        DictionaryObject({NameObject("/S"): NameObject("/Launch")}),
        DictionaryObject({NameObject("/EmbeddedFiles"): ArrayObject()}),
        DictionaryObject({NameObject("/A"): ArrayObject([DictionaryObject({NameObject("/JS"): ArrayObject()})])}),
        DictionaryObject({NameObject("/XFA"): ArrayObject()}),
    ],
)
def test_a_pdf_that_acts_or_carries_files_is_refused(extra: DictionaryObject, compressed: bool) -> None:  # noqa: FBT001
    with pytest.raises(DocumentActiveContent):
        inspect(a_pdf_with(extra, compressed=compressed))


def test_a_pdf_with_a_start_action_is_refused() -> None:
    content = paper_pdf(1).replace(b"/Type /Catalog", b"/OpenAction 4 0 R /Type /Catalog")
    with pytest.raises(DocumentActiveContent):
        inspect(content)


def test_a_pdf_with_an_attached_file_is_refused() -> None:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(paper_pdf(1))))
    writer.add_attachment("invoice.exe", b"MZ")
    file = BytesIO()
    writer.write(file)
    with pytest.raises(DocumentActiveContent):
        inspect(file.getvalue())


def test_an_encrypted_pdf_is_refused() -> None:
    with pytest.raises(DocumentEncrypted):
        inspect(an_encrypted_pdf())


def test_a_pdf_with_too_many_pages_is_refused() -> None:
    with pytest.raises(DocumentTooManyPages):
        inspect(paper_pdf(1, pages=4), limits=DocumentLimits(pages_max=3))


@pytest.mark.requirement("R45")
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_blank_picture_is_accepted_and_called_hard_to_read(mode: str) -> None:
    found = inspect(a_blank_png(mode=mode, width_px=2400))
    assert (found.legibility.legible, found.legibility.reason) == (False, LegibilityReason.LOW_CONTRAST)


@pytest.mark.requirement("R65")
def test_a_picture_with_too_few_pixels_is_accepted_and_called_hard_to_read() -> None:
    found = inspect(a_blank_png(width_px=1000, height_px=479))
    assert found.legibility.reason is LegibilityReason.TOO_FEW_PIXELS


@pytest.mark.parametrize("mode", ["1", "I;16", "LA", "RGBA", "P"])
def test_pictures_of_every_colour_mode_are_measured(mode: str) -> None:
    half_dark = Image.new("L", (2400, 600), color=255)
    half_dark.paste(0, (0, 0, 1200, 600))
    two_bytes_each = half_dark.tobytes().replace(b"\xff", b"\xff\xff").replace(b"\x00", b"\x00\x00")
    deep = Image.frombytes("I;16", half_dark.size, two_bytes_each)
    picture = deep if mode == "I;16" else half_dark.convert(mode)
    file = BytesIO()
    picture.save(file, format="PNG")
    assert inspect(file.getvalue()).legibility.legible


def test_black_writing_on_a_transparent_ground_is_legible() -> None:
    picture = Image.new("RGBA", (800, 600), color=(0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 800, 200))
    file = BytesIO()
    picture.save(file, format="PNG")
    assert inspect(file.getvalue()).legibility.legible


@settings(max_examples=60, deadline=None)
@given(
    paper=st.sampled_from([paper_png(3), paper_jpeg(3), paper_pdf(3)]),
    at=st.floats(0, 1, exclude_max=True),
    value=st.binary(min_size=1, max_size=8),
)
def test_a_damaged_file_is_accepted_or_refused_and_never_anything_else(paper: bytes, at: float, value: bytes) -> None:
    position = int(at * len(paper))
    damaged = paper[:position] + value + paper[position + len(value) :]
    assert answer_to(damaged) == "accepted" or answer_to(damaged).startswith("documents.")


def answer_to(content: bytes) -> str:
    try:
        inspect(content)
    except Refusal as refused:
        return refused.code
    return "accepted"
