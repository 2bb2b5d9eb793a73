"""The judgement of an uploaded document: which type it is by its content, and what a viewer would show and do with it.

Only PNG, JPEG and PDF are taken. Of a picture, the picture alone is kept: metadata, thumbnails, second images and
trailers go. A PDF stays as it is, for a signature covers its bytes. The judgement is CPU work on files that strangers
made, so services leave it to a process of its own (shared.documents.worker).
"""

from typing import Final, assert_never

from shared.documents.inspection import (
    PDF_HEADER,
    PNG_SIGNATURE,
    DocumentLimits,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    InspectedDocument,
    MediaType,
    begins_as_another,
)

# Readers look for the header so far into the file.
_PDF_HEADER_WITHIN: Final = 1024


def inspect_document(data: bytes, *, limits: DocumentLimits) -> InspectedDocument:
    """Accept a document or say why not. CPU work of up to seconds, in up to MEMORY_MAX_BYTES of the worker.

    Raises: DocumentTooLarge, DocumentTypeUnsupported, DocumentTooManyPixels, DocumentTooManyPages, DocumentTooCostly,
    DocumentBroken, DocumentTrailingContent, DocumentActiveContent, DocumentEncrypted. Source: R45, R65, R76.
    """
    if len(data) > limits.size_max_bytes:
        raise DocumentTooLarge(size_bytes=len(data), size_max_bytes=limits.size_max_bytes)
    media_type = _media_type(data)
    match media_type:
        case MediaType.PNG | MediaType.JPEG:
            # A decoder takes some MB, which only the process that judges needs.
            from shared.documents.images import inspect_image  # noqa: PLC0415 - loads Pillow

            return inspect_image(data, media_type=media_type, limits=limits)
        case MediaType.PDF:
            from shared.documents.pdf import inspect_pdf  # noqa: PLC0415 - loads pypdf

            return inspect_pdf(data, limits=limits)
        case _:
            assert_never(media_type)


def _media_type(data: bytes) -> MediaType:
    if data.startswith(PNG_SIGNATURE):
        return MediaType.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    header_at = data.find(PDF_HEADER, 0, _PDF_HEADER_WITHIN + len(PDF_HEADER))
    # Blank lines or a mailer's lines before the header are common; another format's first bytes make a file two things.
    if header_at < 0 or (header_at and begins_as_another(data[:header_at], pictures=True)):
        raise DocumentTypeUnsupported
    return MediaType.PDF
