"""The part of judging documents that looks at pictures: walks them, keeps the picture alone, and measures it.

The structure is walked before Pillow sees the file, so that sizes are known before anything is decoded. What is decoded
afterwards is what will be kept.
"""

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image

from shared.documents.inspection import (
    DECODER_PIXELS_MAX,
    PNG_SIGNATURE,
    DocumentBroken,
    DocumentLimits,
    DocumentTooCostly,
    DocumentTooManyPixels,
    InspectedDocument,
    Legibility,
    LegibilityReason,
    MediaType,
    refuse_markup,
    refuse_trailer,
)
from shared.kernel.refusals import Refusal, invariant

invariant(Image.MAX_IMAGE_PIXELS == DECODER_PIXELS_MAX, "the decoder's own bound is known")

DECODED_MAX_BYTES: Final = 160 * 1024 * 1024
"""What one decoded picture, or what its decoder holds of it, may take."""
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_UPRIGHT: Final = 1


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is kept of a file, the size that it declares, and what decoding it will take."""

    kept: bytes
    width_px: int
    height_px: int
    decoded_bytes: int
    orientation: int = _UPRIGHT


def inspect_image(data: bytes, *, media_type: MediaType, limits: DocumentLimits) -> InspectedDocument:
    """Judge a picture, and keep of it what is seen.

    Raises: DocumentBroken, DocumentTrailingContent, DocumentActiveContent, DocumentTooManyPixels, DocumentTooCostly.
    """
    picture = _walk_png(data) if media_type is MediaType.PNG else _walk_jpeg(data)
    refuse_markup(data)
    width_px, height_px = picture.width_px, picture.height_px
    if width_px * height_px > limits.pixels_max:
        raise DocumentTooManyPixels(width_px=width_px, height_px=height_px, pixels_max=limits.pixels_max)
    if picture.decoded_bytes > DECODED_MAX_BYTES:
        raise DocumentTooCostly
    try:
        legibility = _decoded_legibility(picture, media_type=media_type, limits=limits)
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # hostile files make decoders fail in any way
        raise DocumentBroken from error
    sideways = picture.orientation in _SIDEWAYS
    return InspectedDocument(
        media_type=media_type,
        sha256=hashlib.sha256(picture.kept).digest(),
        size_bytes=len(picture.kept),
        width_px=height_px if sideways else width_px,
        height_px=width_px if sideways else height_px,
        pages=1,
        legibility=legibility,
        content=picture.kept,
    )


# What a picture needs to be seen as it was: pixels, palette, transparency, colours and density. Texts, times, places,
# makers' notes and the frames of an animation are not the picture.
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"pHYs"})
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def _walk_png(data: bytes) -> _Picture:
    """The kept chunks, once every one that matters up to IEND is whole. Raises: DocumentBroken, as refuse_trailer."""
    position, header = len(PNG_SIGNATURE), b""
    kept, orientation = [PNG_SIGNATURE], _UPRIGHT
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data) or (not header) != (kind == b"IHDR"):
            raise DocumentBroken
        content = data[position + 8 : end - 4]
        # A critical chunk that nobody knows makes a picture that nobody can show.
        critical = not kind[0] & 0x20
        if critical and (
            kind not in _PNG_KEPT or zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big")
        ):
            raise DocumentBroken
        if kind == b"IHDR":
            if length != 13:
                raise DocumentBroken
            header = content
        if kind == b"eXIf":
            orientation = _orientation(content)
            if orientation != _UPRIGHT:
                kept.append(_png_chunk(b"eXIf", _exif(orientation)))
        if kind in _PNG_KEPT or (kind == b"iCCP" and _is_profile(content)):
            kept.append(data[position:end])
        if kind == b"IEND":
            refuse_trailer(data, end=end)
            return _png_picture(b"".join(kept), header=header, orientation=orientation)
        position = end
    raise DocumentBroken


def _png_picture(kept: bytes, *, header: bytes, orientation: int) -> _Picture:
    width_px, height_px, depth, colour = struct.unpack_from(">IIBB", header)
    channels = _PNG_CHANNELS.get(colour, 4)
    # Pillow holds one channel in one byte or in two, and more channels in four bytes whatever their number.
    pixel_bytes = 4 if channels > 1 else 2 if depth > 8 else 1
    return _Picture(kept, width_px, height_px, width_px * height_px * pixel_bytes, orientation)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


_PROFILE_MAX_BYTES: Final = 1024 * 1024


def _is_profile(content: bytes) -> bool:
    """Whether an iCCP chunk unfolds to a colour profile of a common size; nobody misses another one."""
    name, _, packed = content.partition(b"\x00")
    unfolding = zlib.decompressobj()
    try:
        profile = unfolding.decompress(packed[1:], _PROFILE_MAX_BYTES)
    except zlib.error:
        return False
    return 0 < len(name) < 80 and unfolding.eof and profile[36:40] == b"acsp"


# In entropy-coded data 0xFF is followed by a stuffed 0x00 or a restart marker; anything else is the next marker.
_JPEG_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_JPEG_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA
_JPEG_COMMENT: Final = 0xFE
_JPEG_APP0, _JPEG_APP1, _JPEG_APP2, _JPEG_APP14, _JPEG_APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_JFIF_BYTES: Final = 14


def _walk_jpeg(data: bytes) -> _Picture:
    """The kept segments, once every one up to the end marker is whole. Raises: DocumentBroken, as refuse_trailer."""
    position, frame, progressive, scans, orientation = 2, b"", False, 0, _UPRIGHT
    kept = [data[:2]]
    while (found := _JPEG_NEXT_MARKER.match(data, position)) is not None:
        marker, position = data[found.end() - 1], found.end()
        if marker == _JPEG_END:
            refuse_trailer(data, end=position)
            kept.append(b"\xff\xd9")
            break
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise DocumentBroken
        segment = data[position + 2 : position + length]
        if marker in _JPEG_FRAME_HEADERS:
            # A second frame would let the size that was checked differ from the one that is decoded.
            if frame or len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
                raise DocumentBroken
            frame, progressive = segment, marker in _JPEG_PROGRESSIVE
        if marker == _JPEG_APP1 and segment.startswith(b"Exif\x00\x00") and orientation == _UPRIGHT:
            orientation = _orientation(segment[6:])
            if orientation != _UPRIGHT:
                kept.append(_jpeg_segment(_JPEG_APP1, b"Exif\x00\x00" + _exif(orientation)))
        kept.append(_kept_segment(marker, segment))
        position += length
        if marker == _JPEG_SCAN:
            scans += 1
            following = _JPEG_NEXT_MARKER.search(data, position)
            scanned_to = len(data) if following is None else following.start()
            kept.append(data[position:scanned_to])
            position = scanned_to
    else:
        raise DocumentBroken
    if not frame:
        raise DocumentBroken
    return _jpeg_picture(b"".join(kept), frame=frame, whole=progressive or scans > 1, orientation=orientation)


def _kept_segment(marker: int, segment: bytes) -> bytes:
    """The segment as it is kept: whole, without a thumbnail, or not at all."""
    if marker == _JPEG_APP0 and segment.startswith(b"JFIF\x00") and len(segment) >= _JFIF_BYTES:
        return _jpeg_segment(marker, segment[: _JFIF_BYTES - 2] + b"\x00\x00")
    colour = (marker == _JPEG_APP2 and segment.startswith(b"ICC_PROFILE\x00")) or (
        # Without it nobody knows whether four channels are inverted.
        marker == _JPEG_APP14 and segment.startswith(b"Adobe")
    )
    if colour or not (_JPEG_APP0 <= marker <= _JPEG_APP15 or marker == _JPEG_COMMENT):
        return _jpeg_segment(marker, segment)
    return b""


def _jpeg_segment(marker: int, segment: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(segment) + 2) + segment


def _jpeg_picture(kept: bytes, *, frame: bytes, whole: bool, orientation: int) -> _Picture:
    height_px, width_px, components = struct.unpack_from(">HHB", frame, 1)
    # Decoded small, a picture takes little; but of one in several scans the decoder holds all coefficients, two bytes
    # each, until the last scan.
    held = 0
    if whole:
        samplings = [(frame[7 + 3 * index] >> 4, frame[7 + 3 * index] & 15) for index in range(components)]
        most = max((across for across, _ in samplings), default=1) * max((down for _, down in samplings), default=1)
        held = sum(width_px * height_px * across * down * 2 for across, down in samplings) // max(most, 1)
    return _Picture(kept, width_px, height_px, held, orientation)


_ORIENTATION_TAG: Final = 0x0112
_ENTRY_BYTES: Final = 12
_ENTRIES_MAX: Final = 512


def _orientation(tiff: bytes) -> int:
    """How the picture is turned, 1 to 8, by the first directory of its Exif; 1 where it does not say."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return _UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, at)
        for index in range(min(entries, _ENTRIES_MAX)):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + index * _ENTRY_BYTES)
            if tag == _ORIENTATION_TAG:
                return value if kind == 3 and count == 1 and 1 <= value <= 8 else _UPRIGHT
    except struct.error:
        return _UPRIGHT
    return _UPRIGHT


def _exif(orientation: int) -> bytes:
    """An Exif that says how the picture is turned, and nothing else."""
    return b"MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION_TAG, 3, 1, orientation, 0, 0)


_MEASURED_SIDE_PX: Final = 1000
_BAND_PIXELS: Final = 1_000_000


def _decoded_legibility(picture: _Picture, *, media_type: MediaType, limits: DocumentLimits) -> Legibility:
    size_px = (picture.width_px, picture.height_px)
    with Image.open(BytesIO(picture.kept), formats=[media_type.name]) as image:
        # Another size than the one that was checked must not get as far as being decoded.
        if image.size != size_px:
            raise DocumentBroken
        # A JPEG is decoded to an eighth of its sides where that is enough.
        image.draft(None, (_MEASURED_SIDE_PX, _MEASURED_SIDE_PX))
        image.load()
        if min(size_px) < limits.legible_side_min_px:
            return Legibility(legible=False, reason=LegibilityReason.TOO_FEW_PIXELS)
        if _contrast(image) < limits.legible_contrast_min:
            return Legibility(legible=False, reason=LegibilityReason.LOW_CONTRAST)
        return Legibility(legible=True, reason=LegibilityReason.CLEAR)


def _contrast(image: Image.Image) -> float:
    """The standard deviation of luminance, 0..127, of a small copy: contrast survives shrinking.

    Taken band by band, for each conversion of a whole picture would take as much memory again.
    """
    width_px, height_px = image.size
    factor = max(1, max(image.size) // _MEASURED_SIDE_PX)
    rows = max(1, _BAND_PIXELS // (width_px * factor)) * factor
    counts = [0] * 256
    for top in range(0, height_px, rows):
        band = _grey(image.crop((0, top, width_px, min(top + rows, height_px))))
        counts = [sum(pair) for pair in zip(counts, band.reduce(factor).histogram(), strict=True)]
    pixels = sum(counts)
    mean = sum(value * count for value, count in enumerate(counts)) / pixels
    return float((sum(count * (value - mean) ** 2 for value, count in enumerate(counts)) / pixels) ** 0.5)


def _grey(band: Image.Image) -> Image.Image:
    """The band as it looks on white paper, in one byte a pixel."""
    if band.mode.startswith("I"):
        # Sixteen bits a pixel: without the scale everything above the darkest 256th is called white.
        return band.point(lambda value: value / 256).convert("L")
    if band.has_transparency_data:
        paper = Image.new("RGBA", band.size, "white")
        band = Image.alpha_composite(paper, band.convert("RGBA"))
    return band.convert("L")
