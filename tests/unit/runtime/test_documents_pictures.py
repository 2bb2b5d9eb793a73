"""Of a picture, what a viewer shows is judged and kept; what is not the picture goes, whoever wrote it there."""

from io import BytesIO

import pytest
from PIL import Image

from shared.documents.dispatch import inspect_document
from shared.documents.images import _exif, _orientation
from shared.documents.inspection import (
    DocumentActiveContent,
    DocumentBroken,
    DocumentLimits,
    DocumentTooCostly,
    DocumentTrailingContent,
    InspectedDocument,
    LegibilityReason,
)
from tests.factories.documents import (
    a_jpeg_segment,
    a_picture,
    a_png_chunk,
    an_exif,
    paper_jpeg,
    paper_pdf,
    paper_png,
    saved,
    with_chunks,
    with_segments,
)

XMP = b"http://ns.adobe.com/xap/1.0/\x00"
PLIST = b'<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"><plist><dict/></plist>'
OWNER = b"Chen Xiaoman"
MPF = b"MPF\x00II*\x00\x08\x00\x00\x00" + bytes(40)


def inspect(content: bytes, *, limits: DocumentLimits | None = None) -> InspectedDocument:
    return inspect_document(content, limits=limits or DocumentLimits())


def pixels(content: bytes) -> bytes:
    with Image.open(BytesIO(content)) as image:
        return image.tobytes()


@pytest.mark.parametrize("content", [paper_png(1), paper_jpeg(1), paper_pdf(1)])
def test_a_file_that_is_nothing_but_the_document_is_kept_byte_for_byte(content: bytes) -> None:
    assert inspect(content).content == content


@pytest.mark.parametrize(
    "segment",
    [
        a_jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x24\x00\x00" + PLIST),
        a_jpeg_segment(0xE1, XMP + PLIST),
        a_jpeg_segment(0xE1, b"Exif\x00\x00" + an_exif(orientation=1)),
        a_jpeg_segment(0xE2, MPF),
        a_jpeg_segment(0xFE, b"taken by " + OWNER),
        a_jpeg_segment(0xEF, bytes(1000)),
    ],
)
def test_a_jpegs_metadata_goes_and_its_picture_stays(segment: bytes) -> None:
    plain = paper_jpeg(1)
    found = inspect(with_segments(plain, segment))
    assert found.content == plain
    assert found.sha256 == inspect(plain).sha256
    assert found.size_bytes == len(plain)


def test_a_jpegs_own_thumbnail_goes() -> None:
    plain = paper_jpeg(1)
    assert plain[2:4] == b"\xff\xe0"
    header = plain[6:18] + b"\x02\x01" + OWNER[:6]
    assert inspect(plain[:2] + a_jpeg_segment(0xE0, header) + plain[20:]).content == plain


@pytest.mark.parametrize(
    "trailer",
    [
        paper_jpeg(2),
        paper_jpeg(2) + paper_jpeg(3),
        bytes(8) + b"ftypmp42" + bytes(100) + b"MotionPhoto",
        b"\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1700000000000SEFHk\x00\x00\x00SEFT",
        bytes(512),
        b"maker's notes",
    ],
    ids=["second image", "gain map and second image", "film", "maker's trailer", "padding", "text"],
)
@pytest.mark.parametrize("plain", [paper_jpeg(1), paper_png(1)], ids=["jpeg", "png"])
def test_what_a_camera_hangs_behind_its_picture_is_cut(plain: bytes, trailer: bytes) -> None:
    assert inspect(plain + trailer).content == plain


@pytest.mark.parametrize(
    "trailer",
    [
        b"PK\x03\x04zip",
        b"harmless at first" + b"PK\x05\x06" + bytes(16) + b"\x03\x00" + b"end",
        b"\x00\r\n MZ\x90",
        b"\x7fELF\x02",
        b"%PDF-1.4",
        b"#!/bin/sh\n",
        b"<html><body>",
        b"Rar!\x1a\x07",
        b"\xef\xbb\xbf<svg>",
    ],
)
@pytest.mark.parametrize("plain", [paper_jpeg(1), paper_png(1)], ids=["jpeg", "png"])
def test_a_picture_that_is_also_a_program_an_archive_or_a_page_is_refused(plain: bytes, trailer: bytes) -> None:
    with pytest.raises((DocumentTrailingContent, DocumentActiveContent)):
        inspect(plain + trailer)


@pytest.mark.parametrize("text", [b"<ScRiPt>alert(1)</script>", b"<?php system($_GET[0]);", b"<iframe src=x>"])
def test_a_script_in_a_jpegs_comment_is_refused(text: bytes) -> None:
    with pytest.raises(DocumentActiveContent):
        inspect(with_segments(paper_jpeg(1), a_jpeg_segment(0xFE, text)))


def test_an_archives_end_mark_among_pixels_or_in_a_trailer_is_chance() -> None:
    plain = paper_jpeg(1)
    assert inspect(plain + b"film PK\x05\x06" + bytes(200)).content == plain


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize(("orientation", "sideways"), [(1, False), (3, False), (6, True), (8, True)])
def test_a_turned_photo_stays_upright_and_loses_owner_and_place(orientation: int, sideways: bool, order: str) -> None:  # noqa: FBT001
    exif = an_exif(orientation=orientation, order=order)
    found = inspect(with_segments(paper_jpeg(1), a_jpeg_segment(0xE1, b"Exif\x00\x00" + exif)))
    assert (found.width_px, found.height_px) == ((600, 800) if sideways else (800, 600))
    with Image.open(BytesIO(found.content)) as image:
        assert image.getexif().get(0x0112, 1) == orientation
        assert set(image.getexif()) <= {0x0112}
    assert OWNER not in found.content
    assert pixels(found.content) == pixels(paper_jpeg(1))


def test_a_turned_png_keeps_how_it_is_turned_and_nothing_else() -> None:
    content = with_chunks(paper_png(1), a_png_chunk(b"eXIf", an_exif(orientation=6)))
    found = inspect(content)
    assert (found.width_px, found.height_px) == (600, 800)
    assert OWNER not in found.content
    assert inspect(found.content).content == found.content


@pytest.mark.parametrize(
    "tiff",
    [b"", b"II*\x00", b"MM\x00*\xff\xff\xff\xff", _exif(9), b"XX*\x00" + bytes(40), b"MM\x00*\x00\x00\x00\x08\xff\xff"],
)
def test_an_exif_that_says_nothing_readable_turns_nothing(tiff: bytes) -> None:
    assert _orientation(tiff) == 1


@pytest.mark.parametrize(
    "chunk",
    [
        a_png_chunk(b"tEXt", b"Author\x00" + OWNER),
        a_png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + PLIST),
        a_png_chunk(b"tIME", bytes(7)),
        a_png_chunk(b"eXIf", an_exif(orientation=1)),
        a_png_chunk(b"caNv", bytes(16)),
        a_png_chunk(b"iCCP", b"x\x00\x00no profile"),
        a_png_chunk(b"tEXt", OWNER)[:-4] + b"oops",
    ],
)
def test_a_pngs_metadata_goes_and_its_picture_stays(chunk: bytes) -> None:
    assert inspect(with_chunks(paper_png(1), chunk)).content == paper_png(1)


def test_of_an_animated_png_the_still_picture_is_kept() -> None:
    moving = saved(a_picture("L"), "PNG", save_all=True, append_images=[a_picture("L").rotate(180)])
    assert b"acTL" in moving
    found = inspect(moving)
    assert b"acTL" not in found.content
    assert b"fdAT" not in found.content
    assert pixels(found.content) == a_picture("L").tobytes()
    assert found.legibility.legible


def test_a_png_with_a_critical_chunk_that_nobody_knows_is_broken() -> None:
    with pytest.raises(DocumentBroken):
        inspect(with_chunks(paper_png(1), a_png_chunk(b"CgBI", bytes(4))))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True, "subsampling": 0}])
def test_jpegs_of_every_kind_are_measured_and_kept(mode: str, options: dict[str, object]) -> None:
    content = saved(a_picture(mode), "JPEG", **options)
    found = inspect(content)
    assert found.legibility.reason is LegibilityReason.CLEAR
    assert pixels(found.content) == pixels(content)


def test_a_colour_profile_stays_with_its_picture() -> None:
    profile = bytes(36) + b"acsp" + bytes(100)
    for form in ("JPEG", "PNG"):
        content = saved(a_picture("RGB"), form, icc_profile=profile)
        with Image.open(BytesIO(inspect(content).content)) as image:
            assert image.info["icc_profile"] == profile


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "LA", "RGB", "RGBA"])
def test_pngs_of_every_kind_are_clear_when_half_dark_and_low_in_contrast_when_blank(mode: str) -> None:
    assert inspect(saved(a_picture(mode), "PNG")).legibility.reason is LegibilityReason.CLEAR
    blank = Image.new(mode, (1200, 900), color={"I;16": 65_535, "1": 1}.get(mode, "white"))
    assert inspect(saved(blank, "PNG")).legibility.reason is LegibilityReason.LOW_CONTRAST


def test_grey_writing_of_sixteen_bits_is_measured_in_its_own_range() -> None:
    """All of it is lighter than the darkest 256th, where a careless conversion calls it white."""
    deep = Image.new("I;16", (1200, 900), color=60_000)
    deep.paste(20_000, (0, 0, 1200, 300))
    assert inspect(saved(deep, "PNG")).legibility.reason is LegibilityReason.CLEAR


def test_a_jpeg_whose_decoder_would_hold_too_much_is_refused_before_it_is_decoded() -> None:
    content = bytearray(saved(a_picture("RGB"), "JPEG", progressive=True, subsampling=0))
    frame = content.index(b"\xff\xc2")
    content[frame + 5 : frame + 9] = (6_000).to_bytes(2, "big") * 2
    with pytest.raises(DocumentTooCostly):
        inspect(bytes(content))
