"""What an uploaded document may be: its types and limits, what is found out about it, and why it is refused.

Judging one is in `dispatch`, with `images` and `pdf`; all three need the terms and checks of this module.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from shared.kernel.refusals import Refusal, RefusalKind, invariant

DECODER_PIXELS_MAX: Final = 89_478_485
"""From so many pixels on, Pillow itself suspects a bomb."""


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
    """A program, an archive or a page hangs at the end of the image or the PDF: the file is two things at once."""

    code = "documents.trailing_content"
    kind = RefusalKind.UNSUPPORTED
    zh = "文件末尾附有程序、压缩包或网页等其他内容，请重新导出或另存后上传。"


class DocumentActiveContent(Refusal):
    """The file would do more than show itself: script, launch, submission or program inside. Source: ASVS 5.3."""

    code = "documents.active_content"
    kind = RefusalKind.UNSUPPORTED
    zh = "文件含有脚本、自动操作、多媒体或可执行的内嵌文件，不予接收，请去除（如另存为或打印为新文件）后重新上传。"


class DocumentEncrypted(Refusal):
    """The PDF is encrypted, so nobody could review it."""

    code = "documents.encrypted"
    kind = RefusalKind.UNSUPPORTED
    zh = "PDF 已加密，无法审核，请上传未加密的文件。"


class DocumentTooCostly(Refusal):
    """Reading the file takes more memory or time than any file may. Source: ASVS 5.2.6."""

    code = "documents.too_costly"
    kind = RefusalKind.TOO_LARGE
    zh = "文件过于复杂，读取所需的内存或时间超出限制，请降低分辨率或另存为较简单的文件后重新上传。"


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
        invariant(self.pixels_max <= DECODER_PIXELS_MAX, "the decoder's own bound is the outer one")


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
    """What is known of an accepted document; pixels are None for a PDF, pages is 1 for an image.

    `content` is what is kept; hash and size are of it. Width and height are those of the picture as it is shown.
    """

    media_type: MediaType
    sha256: bytes
    size_bytes: int
    width_px: int | None
    height_px: int | None
    pages: int
    legibility: Legibility
    content: bytes = field(repr=False)

    def without_content(self) -> "InspectedDocument":
        """What is known, for whoever records it: the content is stored by then and need not be held."""
        return replace(self, content=b"")


PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PDF_HEADER: Final = b"%PDF-"
_BLANK: Final = b"\x00\t\n\x0c\r \x1a"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

# Long enough not to occur in ten megabytes of compressed pixels by chance.
_MARKUP: Final = re.compile(
    rb"<script[\s>/]|<iframe[\s>/]|<html[\s>/]|<\?php\s|<!doctype\s+html|<svg\s[^<>]{0,200}(?:xmlns|on\w+\s*=)",
    re.IGNORECASE,
)
# Programs, archives, pages and office files: what some program would open by these first bytes.
_OPENED_BY_OTHERS: Final = (
    b"PK\x03\x04", b"PK\x05\x06", b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa",
    b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"#!", b"<",
    b"L\x00\x00\x00\x01\x14\x02", PDF_HEADER,
)  # fmt: skip
_PICTURES: Final = (PNG_SIGNATURE[:4], b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*", b"BM")
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 22
_ZIP_COMMENT_BYTES: Final = 65_535


def begins_as_another(part: bytes, *, pictures: bool = False) -> bool:
    """Whether a part begins like something that a program opens by its first bytes; blanks before it do not count."""
    begun = part.lstrip(_BLANK).removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)
    return begun.startswith(_OPENED_BY_OTHERS + (_PICTURES if pictures else ()))


def refuse_trailer(data: bytes, *, end: int) -> None:
    """Refuse what behind `end` would be opened as something else; any other trailer is cut by who keeps the file.

    Raises: DocumentTrailingContent.
    """
    if begins_as_another(data[end:]):
        raise DocumentTrailingContent
    # An archive is found from its end, wherever it begins.
    at = data.rfind(_ZIP_END, max(end, len(data) - _ZIP_END_BYTES - _ZIP_COMMENT_BYTES))
    if at >= 0 and at + _ZIP_END_BYTES + int.from_bytes(data[at + 20 : at + 22], "little") == len(data):
        raise DocumentTrailingContent


def refuse_markup(data: bytes, *, end: int | None = None) -> None:
    """Refuse what a browser could be talked into running, if it ever ignored the declared type, before `end`.

    Raises: DocumentActiveContent.
    """
    if _MARKUP.search(data, 0, len(data) if end is None else end):
        raise DocumentActiveContent
