"""A PDF is judged by what a viewer would do with it: a first view is no script, and a script stays one."""

import hashlib
import zlib
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject

from shared.documents.dispatch import inspect_document
from shared.documents.inspection import (
    DocumentActiveContent,
    DocumentBroken,
    DocumentLimits,
    DocumentTooCostly,
    DocumentTooManyPages,
    DocumentTrailingContent,
    DocumentTypeUnsupported,
    InspectedDocument,
)
from shared.documents.pdf import _OBJECTS_MAX
from tests.factories.documents import a_pdf, a_stream, paper_pdf, revised

FIELD = b"<< /FT /Tx /T (name) /Type /Annot /Subtype /Widget /Rect [0 0 9 9] /AA << /F 11 0 R >> >>"


def inspect(content: bytes) -> InspectedDocument:
    return inspect_document(content, limits=DocumentLimits())


def an_attachment(name: bytes, content: bytes) -> bytes:
    spec = b"<< /Type /Filespec /F (%b) /UF (%b) /EF << /F 11 0 R >> >>" % (name, name)
    tree = b"/Names << /EmbeddedFiles << /Names [(%b) 10 0 R] >> >>" % name
    return a_pdf(spec, a_stream(content, b"/Type /EmbeddedFile"), catalog=tree)


@pytest.mark.parametrize(
    ("catalog", "objects"),
    [
        (b"/OpenAction [3 0 R /FitH 800]", ()),
        (b"/OpenAction << /S /GoTo /D [3 0 R /XYZ null null 1] >>", ()),
        (b"/OpenAction 10 0 R", (b"<< /Type /Action /S /Named /N /FirstPage >>",)),
        (b"/OpenAction null", ()),
        (b"/OpenAction (chapter one)", ()),
        (b"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next << /S /Named /N /LastPage >> >>", ()),
        (b"/PageLabels << /Nums [0 << /S /r >>] >>", ()),
        (b"/AcroForm << /Fields [10 0 R] >>", (b"<< /FT /Tx /T (name) /V (x) >>",)),
        (b"/AA << >>", ()),
        (b"/StructTreeRoot 10 0 R", (b"<< /Type /StructTreeRoot /K << /S /Sound /P 10 0 R /K 0 >> >>",)),
        (b"/Outlines << /First 10 0 R >>", (b"<< /Title (site) /A << /S /URI /URI (https://example.org) >> >>",)),
        (b"/Perms 10 0 R", (b"<< /TransformParams << /EF [/Create] /Form [/FillIn /SubmitStandalone] >> >>",)),
        (b"/Outlines << /First 10 0 R >>", (b"<< /Title (other) /A << /S /GoToR /F (annex.pdf) /D [0 /Fit] >> >>",)),
    ],
)
def test_what_only_shows_the_file_is_accepted(catalog: bytes, objects: tuple[bytes, ...]) -> None:
    content = a_pdf(*objects, catalog=catalog)
    found = inspect(content)
    assert (found.pages, found.content) == (1, content)


@pytest.mark.parametrize(
    ("catalog", "page", "objects"),
    [
        (b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>", b"", ()),
        (b"/OpenAction 10 0 R", b"", (b"<< /S 11 0 R /JS 12 0 R >>", b"/Java#53cript", a_stream(b"app.alert(1)"))),
        (b"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next [<< /S /URI /URI (https://example.org) >>] >>", b"", ()),
        (b"/OpenAction << /S /URI /URI (https://example.org) >>", b"", ()),
        (b"/OpenAction << /S /GoToR /F (annex.pdf) /D [0 /Fit] >>", b"", ()),
        (b"/OpenAction << /Neither /Action >>", b"", ()),
        (b"/OpenAction << /S /GoTo /Next 10 0 R >>", b"", (b"<< /S /GoTo /Next 10 0 R >>",)),
        (b"", b"/AA << /O << /S /Launch /F (cmd.exe) >> >>", ()),
        (b"", b"/AA << /O << /S /GoToE /F (x) >> >>", ()),
        (b"/AcroForm << /Fields [10 0 R] >>", b"", (FIELD, b"<< /S /JavaScript /JS (x) >>")),
        (b"/AcroForm << /XFA [(template) 10 0 R] >>", b"", (a_stream(b"<xdp/>"),)),
        (b"/Names << /JavaScript << /Names [(a) 10 0 R] >> >>", b"", (b"<< /JS (x) /S /JavaScript >>",)),
        (b"", b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /SubmitForm /F (http://x) >> >>]", ()),
        (b"", b"/Annots [<< /Subtype /RichMedia /Rect [0 0 9 9] >>]", ()),
        (b"", b"/Annots [<< /Subtype /Screen /Rect [0 0 9 9] /A << /S /Rendition >> >>]", ()),
        (b"", b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (javascript:alert\\(1\\)) >> >>]", ()),
        (b"", b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /GoToR /F (\\\\\\\\host\\\\share) >> >>]", ()),
        (b"", b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /GoToR /F << /UF (http://h/x) >> >> >>]", ()),
        (b"", b"", (a_stream(b"", b"/F (other.bin)"),)),
    ],
)
def test_what_acts_by_itself_or_reaches_out_is_refused(catalog: bytes, page: bytes, objects: tuple[bytes, ...]) -> None:
    with pytest.raises(DocumentActiveContent):
        inspect(a_pdf(*objects, catalog=catalog, page=page))


def test_a_script_that_nothing_points_to_is_refused_and_so_is_one_of_an_earlier_revision() -> None:
    orphan = a_pdf(b"<< /S /Java#53cript /JS (x) >>")
    with pytest.raises(DocumentActiveContent):
        inspect(orphan)
    with pytest.raises(DocumentActiveContent):
        inspect(revised(a_pdf(b"<< /S /JavaScript /JS (x) >>"), 10, b"null"))


@pytest.mark.parametrize(
    ("name", "content", "taken"),
    [
        (b"invoice.xml", b'<?xml version="1.0"?><Invoice/>', True),
        (b"Invoice.XBRL", b"\xef\xbb\xbf<?xml version='1.0'?><xbrl/>", True),
        (b"list.csv", b"a,b\r\n1,2", True),
        (b"seal.png", b"\x89PNG\r\n\x1a\n", True),
        (b"invoice.exe", b"MZ\x90", False),
        (b"invoice.xml", b"MZ\x90", False),
        (b"invoice.xml", b"PK\x03\x04", False),
        (b"invoice.xml", b"<html><script>x</script>", False),
        (b"annex.pdf", b"%PDF-1.4", False),
        (b"run.bat", b"del", False),
        (b"invoice.xml.js", b"x", False),
    ],
)
def test_a_record_inside_an_invoice_is_accepted_and_a_program_is_not(name: bytes, content: bytes, taken: bool) -> None:  # noqa: FBT001
    attached = an_attachment(name, content)
    if taken:
        assert inspect(attached).content == attached
        return
    with pytest.raises(DocumentActiveContent):
        inspect(attached)


@pytest.mark.parametrize("tail", [b"", b"\n", b"\x00" * 700, b"\r\nPrinted by a mailer\r\n"])
def test_a_signed_pdf_keeps_every_byte_under_its_signature(tail: bytes) -> None:
    signature = (
        b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached "
        b"/ByteRange [0 400 900 300] /Contents <30820100> /Reference [<< /TransformMethod /DocMDP >>] >>"
    )
    widget = b"<< /FT /Sig /T (seal) /V 10 0 R /Type /Annot /Subtype /Widget /Rect [9 9 99 99] /P 3 0 R >>"
    form = b"/AcroForm << /Fields [11 0 R] /SigFlags 3 >> /Perms << /DocMDP 10 0 R >>"
    content = a_pdf(signature, widget, catalog=form, page=b"/Annots [11 0 R]") + tail
    found = inspect(content)
    assert found.content == content
    assert found.sha256 == hashlib.sha256(content).digest()
    later = revised(content, 12, b"<< /Note (countersigned) >>")
    assert inspect(later).content == later


def test_object_streams_and_compressed_tables_are_read() -> None:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(paper_pdf(1, pages=3))))
    file = BytesIO()
    writer.use_object_streams = True
    writer.write(file)
    assert inspect(file.getvalue()).pages == 3


def test_a_script_within_an_object_stream_is_found() -> None:
    packed = zlib.compress(b"10 0 << /S /JavaScript /JS (x) >>")
    body = a_stream(packed, b"/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode")
    bodies = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"]
    bodies += [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>", body]
    file, offsets = bytearray(b"%PDF-1.7\n"), [0]
    for number, text in enumerate(bodies, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    table_at = len(file)
    rows = b"".join(b"\x01" + offset.to_bytes(3, "big") + b"\x00" for offset in [*offsets[1:], table_at])
    rows = bytes(5) + rows + b"\x02" + (4).to_bytes(3, "big") + b"\x00"
    entries = b"/Type /XRef /Size 11 /Index [0 6 10 1] /W [1 3 1] /Root 1 0 R"
    file += b"5 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (a_stream(rows, entries), table_at)
    assert b"/JavaScript" not in file
    with pytest.raises(DocumentActiveContent):
        inspect(bytes(file))


@pytest.mark.parametrize("junk", [b"\r\n\r\n", b"\xef\xbb\xbf", bytes(128), b"Content-Type: application/pdf\r\n\r\n"])
@pytest.mark.parametrize("counted_from_the_header", [True, False])
def test_lines_before_the_header_are_accepted(junk: bytes, counted_from_the_header: bool) -> None:  # noqa: FBT001
    content = junk + a_pdf()
    if not counted_from_the_header:
        at = int(content[content.rindex(b"startxref") + 9 :].split()[0])
        content = content.replace(b"startxref\n%d\n" % at, b"startxref\n%d\n" % (at + len(junk)))
    assert inspect(content).content == content


@pytest.mark.parametrize("junk", [b"GIF89a/*", b"MZ\x90", b"PK\x03\x04", b"\n <html>", b"#!/bin/sh\n", b"\x7fELF"])
def test_another_formats_first_bytes_before_the_header_are_refused(junk: bytes) -> None:
    with pytest.raises(DocumentTypeUnsupported):
        inspect(junk + a_pdf())


def test_a_header_beyond_where_readers_look_is_none() -> None:
    with pytest.raises(DocumentTypeUnsupported):
        inspect(b" " * 1_025 + a_pdf())
    assert inspect(b" " * 1_024 + a_pdf()).pages == 1


def test_what_follows_the_end_of_an_unsigned_pdf_is_cut() -> None:
    content = a_pdf()
    assert inspect(content + b"\r\nPrinted by a mailer\r\n" + bytes(2_000)).content == content


@pytest.mark.parametrize("tail", [b"PK\x03\x04", b"\nMZ\x90", b"<html>", b"x PK\x05\x06" + bytes(18)])
def test_what_another_program_would_open_behind_the_end_is_refused(tail: bytes) -> None:
    with pytest.raises(DocumentTrailingContent):
        inspect(a_pdf() + tail)


def test_a_page_in_the_first_bytes_of_a_pdf_is_refused_and_one_in_its_text_is_not() -> None:
    content = a_pdf()
    with pytest.raises(DocumentActiveContent):
        inspect(content.replace(b"%\xe2\xe3\xcf\xd3", b"%<script>alert(1)</script>"))
    assert inspect(a_pdf(a_stream(bytes(1_024)), a_stream(b"(how to write <html> pages) Tj"))).pages == 1


def test_an_entry_that_points_to_nothing_is_passed_over_as_viewers_do() -> None:
    content = a_pdf(b"<< /Note (x) >>")
    damaged = content.replace(b"10 0 obj\n<<", b"10 0 xyz\n<<")
    assert inspect(damaged).pages == 1


@pytest.mark.parametrize(
    "content",
    [
        a_pdf().replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),
        revised(a_pdf(), 3, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
        a_pdf(b"[" * 500 + b"]" * 500),
        a_pdf().replace(b"/Pages 2 0 R", b"/Pages 9 0 R"),
    ],
)
def test_a_tree_without_end_is_broken(content: bytes) -> None:
    with pytest.raises(DocumentBroken):
        inspect(content)


def test_more_objects_than_a_document_needs_are_refused() -> None:
    file = bytearray(b"%PDF-1.7\n")
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"]
    objects += [b"<< /Type /Page /Parent 2 0 R >>", *([b"1"] * _OBJECTS_MAX)]
    table = bytearray(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for number, body in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(file)
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    at = len(file)
    file += table + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, at)
    with pytest.raises(DocumentTooCostly):
        inspect(bytes(file))


@pytest.mark.parametrize(("pages", "said"), [(4, 1), (1, 10_000)])
def test_a_paper_that_lies_about_its_number_of_pages_is_refused_either_way(pages: int, said: int) -> None:
    writer = PdfWriter(clone_from=BytesIO(paper_pdf(1, pages=pages)))
    tree = writer.root_object["/Pages"]
    assert isinstance(tree, DictionaryObject)
    tree[NameObject("/Count")] = NumberObject(said)
    file = BytesIO()
    writer.write(file)
    with pytest.raises(DocumentTooManyPages):
        inspect_document(file.getvalue(), limits=DocumentLimits(pages_max=3))
