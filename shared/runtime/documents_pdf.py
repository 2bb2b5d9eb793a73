"""The part of judging documents that needs a PDF parser, loaded with the first PDF: the parser takes 7 MB."""

from io import BytesIO
from typing import Final

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NullObject

from shared.runtime.documents import (
    DocumentActiveContent,
    DocumentBroken,
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooManyPages,
)

# Keys and values that make a PDF act, carry files or hide a second document. pypdf undoes #-escapes in names.
_ACTIVE_NAMES: Final = frozenset(
    {
        "/JavaScript", "/JS", "/OpenAction", "/AA", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/Filespec",
        "/RichMedia", "/XFA", "/GoToE", "/GoToR", "/SubmitForm", "/ImportData", "/Rendition", "/Movie",
        "/Sound", "/3D",
    }
)  # fmt: skip
_OBJECTS_MAX: Final = 50_000
_NESTING_MAX: Final = 64


def count_pages(data: bytes, *, limits: DocumentLimits) -> int:
    """How many pages a PDF has that does nothing by itself; a hostile file may raise anything else as well.

    Raises: DocumentEncrypted, DocumentActiveContent, DocumentTooManyPages, DocumentBroken.
    """
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted:
        raise DocumentEncrypted
    numbers = _object_numbers(reader)
    if len(numbers) > _OBJECTS_MAX:
        raise DocumentBroken
    if _acts(reader.trailer, depth=0):
        raise DocumentActiveContent
    for number, generation in numbers:
        found = reader.get_object(IndirectObject(number, generation, reader))
        if found is not None and _acts(found, depth=0):
            raise DocumentActiveContent
    # The declared count bounds the walk over the tree; the tree has the last word.
    declared = reader.root_object["/Pages"].get_object()
    if isinstance(declared, DictionaryObject) and declared.get("/Count", 0) > limits.pages_max:
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


def _acts(value: object, *, depth: int) -> bool:
    """Whether a PDF object, without following references, names something active."""
    if depth > _NESTING_MAX:
        raise DocumentBroken
    if isinstance(value, DictionaryObject):
        return any(key in _ACTIVE_NAMES or _acts(item, depth=depth + 1) for key, item in dict.items(value))
    if isinstance(value, ArrayObject):
        return any(_acts(item, depth=depth + 1) for item in list.__iter__(value))
    return isinstance(value, NameObject) and value in _ACTIVE_NAMES
