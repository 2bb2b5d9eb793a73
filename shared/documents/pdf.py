"""The part of judging documents that reads a PDF: what a viewer would do with it, by itself or on a click.

To set the first view, to go to a page and to fill in a form do nothing to anybody. Scripts, launches, submissions,
media and programs inside are refused wherever they lie: in any object, reachable or not, for what another reader can
reach is not known.
"""

import hashlib
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NullObject, StreamObject

from shared.documents.inspection import (
    PDF_HEADER,
    PNG_SIGNATURE,
    DocumentActiveContent,
    DocumentBroken,
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooCostly,
    DocumentTooManyPages,
    InspectedDocument,
    Legibility,
    LegibilityReason,
    MediaType,
    begins_as_another,
    refuse_markup,
    refuse_trailer,
)
from shared.kernel.refusals import Refusal

_END: Final = b"%%EOF"
_SIGNED: Final = b"/ByteRange"
# Names that no harmless file writes, looked for in the bytes as well: readers differ in which objects they find, and
# an earlier revision of a signed file is shown on request.
_ACTIVE_BYTES: Final = (b"/JavaScript", b"/SubmitForm", b"/ImportData", b"/RichMedia")

_ACTIONS_REFUSED: Final = frozenset(
    {
        "/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/Rendition", "/RichMediaExecute",
        "/GoTo3DView", "/Movie", "/Sound",
    }
)  # fmt: skip
_MEDIA_ACTIONS: Final = frozenset({"/Movie", "/Sound"})
# Done without being asked for, these reach out of the file.
_ACTIONS_ON_CLICK_ONLY: Final = frozenset({"/URI", "/GoToR"})
_ANNOTATIONS_REFUSED: Final = frozenset({"/RichMedia", "/Movie", "/Sound", "/3D"})
_KEYS_REFUSED: Final = frozenset({"/JS", "/XFA", "/RichMediaContent", "/RichMediaSettings"})
_SCHEMES_REFUSED: Final = ("javascript:", "vbscript:", "data:", "file:", "\\\\")

_OBJECTS_MAX: Final = 50_000
_NESTING_MAX: Final = 64
_CHAIN_MAX: Final = 16


def inspect_pdf(data: bytes, *, limits: DocumentLimits) -> InspectedDocument:
    """Judge a PDF. It is kept as it is, but for what follows its end where no signature covers that.

    Raises: DocumentBroken, DocumentTrailingContent, DocumentActiveContent, DocumentEncrypted, DocumentTooManyPages,
    DocumentTooCostly.
    """
    end = data.rfind(_END)
    if end < 0:
        raise DocumentBroken
    end += len(_END)
    refuse_trailer(data, end=end)
    # A browser that guesses looks at the beginning; inside, such words are text.
    refuse_markup(data, end=1024)
    if any(name in data for name in _ACTIVE_BYTES):
        raise DocumentActiveContent
    kept = data
    if data[end:].strip(b"\x00\t\n\x0c\r ") and _SIGNED not in data:
        kept = data[:end] + b"\n"
    try:
        pages = _count_pages(kept[kept.index(PDF_HEADER) :], kept, limits=limits)
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # hostile files make parsers fail in any way
        raise DocumentBroken from error
    return InspectedDocument(
        media_type=MediaType.PDF,
        sha256=hashlib.sha256(kept).digest(),
        size_bytes=len(kept),
        width_px=None,
        height_px=None,
        pages=pages,
        legibility=Legibility(legible=True, reason=LegibilityReason.NOT_MEASURED),
        content=kept,
    )


def _count_pages(from_header: bytes, whole: bytes, *, limits: DocumentLimits) -> int:
    """How many pages a harmless PDF has. Places count from its header or, less often, from the file's first byte."""
    try:
        return _judge(from_header, limits=limits)
    except (Refusal, MemoryError):
        raise
    except Exception:
        if len(from_header) == len(whole):
            raise
        return _judge(whole, limits=limits)


def _judge(data: bytes, *, limits: DocumentLimits) -> int:
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted:
        raise DocumentEncrypted
    numbers = _object_numbers(reader)
    if len(numbers) > _OBJECTS_MAX:
        raise DocumentTooCostly
    _refuse_active(reader.trailer, depth=0)
    for number, generation in numbers:
        found = _read(reader, number, generation, data=data)
        if found is not None:
            _refuse_active(found, depth=0)
    # The declared count bounds the walk over the tree; the tree has the last word.
    declared = _at(reader.root_object, "/Pages")
    if isinstance(declared, DictionaryObject) and (_at(declared, "/Count") or 0) > limits.pages_max:  # type: ignore[operator]
        raise DocumentTooManyPages(pages_max=limits.pages_max)
    pages = len(reader.pages)
    if pages > limits.pages_max:
        raise DocumentTooManyPages(pages_max=limits.pages_max)
    if pages < 1 or isinstance(reader.pages[0], NullObject):
        raise DocumentBroken
    return pages


def _object_numbers(reader: PdfReader) -> list[tuple[int, int]]:
    plain = [(number, generation) for generation, offsets in reader.xref.items() for number in offsets if number > 0]
    return plain + [(number, 0) for number in reader.xref_objStm]


def _read(reader: PdfReader, number: int, generation: int, *, data: bytes) -> object:
    """An object, or None where the table points to what is nowhere in the file: a viewer passes over it as well.

    One that is there and that this reader cannot read may be read by another reader, so it breaks the file.
    """
    try:
        return reader.get_object(IndirectObject(number, generation, reader))
    except MemoryError:
        raise
    except Exception:
        if number in reader.xref_objStm or re.search(rb"(?<!\d)0*%d\s+%d\s+obj" % (number, generation), data):
            raise
        return None


def _refuse_active(value: object, *, depth: int) -> None:
    """Refuse a PDF object that acts; references are not followed, for every object is looked at once.

    Raises: DocumentActiveContent, DocumentBroken.
    """
    if depth > _NESTING_MAX:
        raise DocumentBroken
    if isinstance(value, DictionaryObject):
        if _is_refused(value):
            raise DocumentActiveContent
        for item in dict.values(value):
            _refuse_active(item, depth=depth + 1)
    elif isinstance(value, ArrayObject):
        for item in list.__iter__(value):
            _refuse_active(item, depth=depth + 1)


def _is_refused(found: DictionaryObject) -> bool:
    keys = {str(key) for key in dict.keys(found)}
    return (
        any(key in keys and _is_there(_at(found, key)) for key in _KEYS_REFUSED)
        or ("/Rect" in keys and str(_at(found, "/Subtype")) in _ANNOTATIONS_REFUSED)
        or ("/S" in keys and _acts(found))
        or ("/OpenAction" in keys and _acts_by_itself(_at(found, "/OpenAction")))
        or ("/AA" in keys and any(_acts_by_itself(action) for action in _values(_at(found, "/AA"))))
        or (isinstance(found, StreamObject) and _lies_elsewhere(_at(found, "/F")))
        or _carries_programs(found, keys)
    )


def _lies_elsewhere(named: object) -> bool:
    """Whether a stream's content is in another file; some write the key short for the filter."""
    return isinstance(named, (str, DictionaryObject)) and not isinstance(named, NameObject)


def _acts(found: DictionaryObject) -> bool:
    """Whether an action is one that is refused whoever asks for it. The key also names roles in the structure tree."""
    kind = str(_at(found, "/S"))
    if kind in _MEDIA_ACTIONS:
        return "/K" not in found and "/P" not in found
    if kind == "/URI":
        return str(_at(found, "/URI")).strip().lower().startswith(_SCHEMES_REFUSED)
    if kind == "/GoToR":
        # A share or an address would be asked for the file, with the reader's name and password hash.
        target = _at(found, "/F")
        names = _values(target) if isinstance(target, DictionaryObject) else iter((target,))
        return any(str(name).replace("\\", "/").startswith("//") or "://" in str(name) for name in names)
    return kind in _ACTIONS_REFUSED


def _acts_by_itself(value: object) -> bool:
    """Whether a trigger does more than a destination and the actions within this file do."""
    for _ in range(_CHAIN_MAX):
        if not isinstance(value, DictionaryObject):
            return False
        kind = _at(value, "/S")
        if not isinstance(kind, NameObject) or _acts(value) or str(kind) in _ACTIONS_ON_CLICK_ONLY:
            return True
        following = _at(value, "/Next")
        if isinstance(following, ArrayObject):
            return any(_acts_by_itself(item) for item in _items(following))
        value = following
    return True


# What a record inside a form or an invoice is; anything else might be opened as a program or as a second document.
_RECORD_ENDINGS: Final = (".xml", ".xbrl", ".json", ".csv", ".txt", ".png", ".jpg", ".jpeg", ".p7s")


def _carries_programs(found: DictionaryObject, keys: set[str]) -> bool:
    if "/EmbeddedFiles" in keys and not isinstance(_at(found, "/EmbeddedFiles"), (DictionaryObject, NullObject)):
        return True
    if isinstance(found, StreamObject) and str(_at(found, "/Type")) == "/EmbeddedFile" and not _is_record(found):
        return True
    carried = _at(found, "/EF")
    if not isinstance(carried, DictionaryObject):
        return False
    names = [str(_at(found, key)).strip().lower() for key in ("/F", "/UF") if key in keys]
    if not names or not all(name.endswith(_RECORD_ENDINGS) for name in names):
        return True
    return not all(isinstance(stream, StreamObject) and _is_record(stream) for stream in _values(carried))


def _is_record(stream: StreamObject) -> bool:
    content = stream.get_data()
    if content.startswith((PNG_SIGNATURE, b"\xff\xd8\xff")):
        return True
    if begins_as_another(content) and not content.lstrip(b"\xef\xbb\xbf\t\n\r ").startswith(b"<"):
        return False
    try:
        refuse_markup(content)
    except DocumentActiveContent:
        return False
    return True


def _at(found: DictionaryObject, key: str) -> object:
    """The value of a key with its reference followed; None where there is none."""
    value = dict.get(found, NameObject(key))
    return value.get_object() if isinstance(value, IndirectObject) else value


def _values(found: object) -> Iterator[object]:
    if isinstance(found, DictionaryObject):
        for key in dict.keys(found):
            yield _at(found, str(key))


def _items(found: ArrayObject) -> Iterator[object]:
    for item in list.__iter__(found):
        yield item.get_object() if isinstance(item, IndirectObject) else item


def _is_there(value: object) -> bool:
    return value is not None and not isinstance(value, NullObject)
