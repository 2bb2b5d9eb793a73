"""Judges an uploaded document by its content: what it is, that it is whole, that it does nothing by itself.

Only PNG, JPEG and PDF are taken. The structure is walked here before Pillow or pypdf see the file, so that
sizes are known before anything is decoded and a file that is two things at once has nowhere to hide the
second one. Everything here is CPU work without IO: call it on a thread.
"""

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final, assert_never

from PIL import Image, ImageStat

from shared.kernel.refusals import Refusal, RefusalKind, invariant


class MediaType(StrEnum):
    """The media types that are taken."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    PDF = "application/pdf"


class DocumentTooLarge(Refusal):
    """The file has more bytes than allowed. Source: ASVS 5.2.1."""

    code = "documents.too_large"
    kind = RefusalKind.TOO_LARGE
    zh = "文件过大：{size_bytes} 字节，最多允许 {size_max_bytes} 字节。"


class DocumentTypeUnsupported(Refusal):
    """The content is none of PNG, JPEG and PDF, whatever its name says. Source: ASVS 5.2.2."""

    code = "documents.unsupported_type"
    kind = RefusalKind.UNSUPPORTED
    zh = "仅支持 PNG、JPEG 图片或 PDF 文件，请检查文件内容。"


class DocumentTooManyPixels(Refusal):
    """The image would unfold to more pixels than allowed; decided before decoding. Source: ASVS 5.2.6."""

    code = "documents.too_many_pixels"
    kind = RefusalKind.TOO_LARGE
    zh = "图片像素过多：{width_px}×{height_px}，总像素最多允许 {pixels_max}。"


class DocumentTooManyPages(Refusal):
    """The PDF has more pages than allowed."""

    code = "documents.too_many_pages"
    kind = RefusalKind.TOO_LARGE
    zh = "PDF 页数过多：最多允许 {pages_max} 页。"


class DocumentBroken(Refusal):
    """The file claims to be one of the taken types and cannot be read as one."""

    code = "documents.broken"
    kind = RefusalKind.UNSUPPORTED
    zh = "文件已损坏或不完整，无法读取，请重新上传。"


class DocumentTrailingContent(Refusal):
    """There is something behind the end of the image or the PDF: the file may be two things at once."""

    code = "documents.trailing_content"
    kind = RefusalKind.UNSUPPORTED
    zh = "文件末尾含有多余内容，请重新导出或另存后上传。"


class DocumentActiveContent(Refusal):
    """The file would do something by itself: script, start action, form or file inside. Source: ASVS 5.3."""

    code = "documents.active_content"
    kind = RefusalKind.UNSUPPORTED
    zh = "文件含有脚本、自动操作或内嵌文件，不予接收，请去除后重新上传。"


class DocumentEncrypted(Refusal):
    """The PDF is encrypted, so nobody could review it."""

    code = "documents.encrypted"
    kind = RefusalKind.UNSUPPORTED
    zh = "PDF 已加密，无法审核，请上传未加密的文件。"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLimits:
    """What is still taken, and below what an image is called hard to read.

    `legible_side_min_px` is the shorter side; `legible_contrast_min` the standard deviation of luminance,
    0..127.
    """

    size_max_bytes: int = 10 * 1024 * 1024
    pixels_max: int = 40_000_000
    pages_max: int = 100
    legible_side_min_px: int = 480
    legible_contrast_min: float = 12.0

    def __post_init__(self) -> None:
        invariant(self.pixels_max <= (Image.MAX_IMAGE_PIXELS or 0), "the decoder's own bound is the outer one")


class LegibilityReason(StrEnum):
    """Why an image is thought legible or not."""

    CLEAR = "clear"
    TOO_FEW_PIXELS = "too_few_pixels"
    LOW_CONTRAST = "low_contrast"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True)
class Legibility:
    """A hint for the reviewer, who alone decides on sending back. Source: R45, R65."""

    legible: bool
    reason: LegibilityReason


@dataclass(frozen=True, slots=True)
class InspectedDocument:
    """What is known of an accepted document; pixels are None for a PDF, pages is 1 for an image."""

    media_type: MediaType
    sha256: bytes
    size_bytes: int
    width_px: int | None
    height_px: int | None
    pages: int
    legibility: Legibility


def inspect_document(data: bytes, *, limits: DocumentLimits) -> InspectedDocument:
    """Accept a document or say why not. CPU work of up to a second for the largest: run it on a thread.

    Raises: DocumentTooLarge, DocumentTypeUnsupported, DocumentTooManyPixels, DocumentTooManyPages,
    DocumentBroken, DocumentTrailingContent, DocumentActiveContent, DocumentEncrypted. Source: R45, R65, R76.
    """
    if len(data) > limits.size_max_bytes:
        raise DocumentTooLarge(size_bytes=len(data), size_max_bytes=limits.size_max_bytes)
    media_type = _media_type(data)
    match media_type:
        case MediaType.PNG:
            return _inspect_image(data, media_type=media_type, size_px=_walk_png(data), limits=limits)
        case MediaType.JPEG:
            return _inspect_image(data, media_type=media_type, size_px=_walk_jpeg(data), limits=limits)
        case MediaType.PDF:
            return _inspect_pdf(data, limits=limits)
        case _:
            assert_never(media_type)


_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# What a browser could be talked into running, if it ever ignored the declared type.
_MARKUP: Final = (b"<script", b"<html", b"<svg", b"<!doctype", b"<?php", b"<iframe")


def _media_type(data: bytes) -> MediaType:
    if data.startswith(_PNG_SIGNATURE):
        return MediaType.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if data.startswith(b"%PDF-"):
        return MediaType.PDF
    raise DocumentTypeUnsupported


def _refuse_markup(data: bytes) -> None:
    lowered = data.lower()
    if any(tag in lowered for tag in _MARKUP):
        raise DocumentActiveContent


def _walk_png(data: bytes) -> tuple[int, int]:
    """Width and height, once every chunk up to IEND is whole and nothing follows it."""
    position, size_px = len(_PNG_SIGNATURE), None
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data) or (size_px is None) != (kind == b"IHDR"):
            raise DocumentBroken
        if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise DocumentBroken
        if kind == b"acTL":
            raise DocumentTypeUnsupported
        if kind == b"IHDR":
            if length != 13:
                raise DocumentBroken
            size_px = struct.unpack_from(">II", data, position + 8)
        if kind == b"IEND" and size_px is not None:
            if end != len(data):
                raise DocumentTrailingContent
            return size_px[0], size_px[1]
        position = end
    raise DocumentBroken


# In entropy-coded data 0xFF is followed by a stuffed 0x00 or a restart marker; anything else is the next
# marker.
_JPEG_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_JPEG_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA


def _walk_jpeg(data: bytes) -> tuple[int, int]:
    """Width and height, once every segment up to the end marker is whole and nothing follows it."""
    position, size_px = 2, None
    while (found := _JPEG_NEXT_MARKER.match(data, position)) is not None:
        marker, position = data[found.end() - 1], found.end()
        if marker == _JPEG_END:
            if position != len(data):
                raise DocumentTrailingContent
            break
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise DocumentBroken
        if marker in _JPEG_FRAME_HEADERS:
            # A second frame would let the size that was checked differ from the one that is decoded.
            if size_px is not None or length < 8:
                raise DocumentBroken
            height_px, width_px = struct.unpack_from(">HH", data, position + 3)
            size_px = (width_px, height_px)
        position += length
        if marker == _JPEG_SCAN:
            following = _JPEG_NEXT_MARKER.search(data, position)
            position = len(data) if following is None else following.start()
    else:
        raise DocumentBroken
    if size_px is None:
        raise DocumentBroken
    return size_px


def _inspect_image(
    data: bytes, *, media_type: MediaType, size_px: tuple[int, int], limits: DocumentLimits
) -> InspectedDocument:
    width_px, height_px = size_px
    if width_px * height_px > limits.pixels_max:
        raise DocumentTooManyPixels(width_px=width_px, height_px=height_px, pixels_max=limits.pixels_max)
    _refuse_markup(data)
    try:
        legibility = _decoded_legibility(data, media_type=media_type, size_px=size_px, limits=limits)
    except Refusal:
        raise
    except Exception as error:  # hostile files make decoders fail in any way
        raise DocumentBroken from error
    return InspectedDocument(
        media_type=media_type,
        sha256=hashlib.sha256(data).digest(),
        size_bytes=len(data),
        width_px=width_px,
        height_px=height_px,
        pages=1,
        legibility=legibility,
    )


def _decoded_legibility(
    data: bytes, *, media_type: MediaType, size_px: tuple[int, int], limits: DocumentLimits
) -> Legibility:
    with Image.open(BytesIO(data), formats=[media_type.name]) as image:
        # Another size than the one that was checked must not get as far as being decoded.
        if image.size != size_px:
            raise DocumentBroken
        image.load()
        return _legibility(image, limits=limits)


_MEASURED_SIDE_PX: Final = 1000
_REDUCIBLE_MODES: Final = frozenset({"L", "RGB", "RGBA", "CMYK"})


def _legibility(image: Image.Image, *, limits: DocumentLimits) -> Legibility:
    if min(image.size) < limits.legible_side_min_px:
        return Legibility(legible=False, reason=LegibilityReason.TOO_FEW_PIXELS)
    # Contrast survives shrinking, and a small copy keeps the measurement cheap for a 40-megapixel photo.
    factor = max(image.size) // _MEASURED_SIDE_PX
    small = image.reduce(factor) if factor > 1 and image.mode in _REDUCIBLE_MODES else image
    if small.has_transparency_data:
        paper = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(paper, small.convert("RGBA"))
    contrast = ImageStat.Stat(small.convert("L")).stddev[0]
    if contrast < limits.legible_contrast_min:
        return Legibility(legible=False, reason=LegibilityReason.LOW_CONTRAST)
    return Legibility(legible=True, reason=LegibilityReason.CLEAR)


# Long enough not to occur by chance in compressed data; they also find objects that a later revision
# replaced.
_PDF_ACTIVE_BYTES: Final = (b"/JavaScript", b"/OpenAction", b"/EmbeddedFile", b"/RichMedia", b"/SubmitForm")
_PDF_SPACE: Final = b"\x00\t\n\x0c\r "
_PDF_END: Final = b"%%EOF"


def _inspect_pdf(data: bytes, *, limits: DocumentLimits) -> InspectedDocument:
    end = data.rfind(_PDF_END)
    if end < 0:
        raise DocumentBroken
    if data[end + len(_PDF_END) :].strip(_PDF_SPACE):
        raise DocumentTrailingContent
    _refuse_markup(data)
    if any(name in data for name in _PDF_ACTIVE_BYTES):
        raise DocumentActiveContent
    try:
        from shared.runtime.documents_pdf import count_pages  # noqa: PLC0415 - 7 MB that only a PDF needs

        pages = count_pages(data, limits=limits)
    except Refusal:
        raise
    except Exception as error:  # hostile files make parsers fail in any way
        raise DocumentBroken from error
    return InspectedDocument(
        media_type=MediaType.PDF,
        sha256=hashlib.sha256(data).digest(),
        size_bytes=len(data),
        width_px=None,
        height_px=None,
        pages=pages,
        legibility=Legibility(legible=True, reason=LegibilityReason.NOT_MEASURED),
    )
