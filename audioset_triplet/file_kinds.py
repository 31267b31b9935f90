"""What a file is, by its first bytes: for messages about files that are not what their names or flags promise."""

import codecs
import io
import os
import re
import zipfile

UNKNOWN = "of no known kind"
HEAD_BYTES = 4096  # of a file, which are enough for `describe`

# The first bytes -> what the file is.
_MAGIC = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel workbook (.xls) or another old Office file",
    b"PAR1": "a Parquet file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"%PDF": "a PDF",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"\x7fELF": "a program",
    b"MZ": "a Windows program",
    b"\0\5\x16\7": "an AppleDouble file: metadata that macOS keeps beside another file",
    b"\xff\xd8\xff": "a JPEG image",
    b"MThd": "a MIDI file, which holds notes",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"ID3": "an MP3 file",
    b"\x1aE\xdf\xa3": "a Matroska or WebM file",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs.github.com/": "a Git LFS pointer: the file itself was not downloaded (git lfs pull)",
    b"/annex/objects/": "a git-annex pointer: the file itself was not downloaded (git annex get)",
}
_FORMS_OF_RIFF = {b"WAVE": "a WAV file", b"AVI ": "an AVI file", b"WEBP": "a WebP image"}
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*<\?xml")


def describe(data: bytes, name: str = "") -> str:
    """Such as "an Excel workbook"; empty: none of the kinds that can be told.

    Args:
        data: the file, or its first `HEAD_BYTES`.
        name: of the file, which tells ZIP archives apart where their contents do not.
    """
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return kind
    if data[:4] in (b"RIFF", b"RF64"):
        return _FORMS_OF_RIFF.get(data[8:12], "a RIFF file")
    if data[4:8] == b"ftyp":
        return "an MP4 or M4A file"
    if data.startswith(b"PK\x03\x04"):
        return _zip_kind(data, os.path.splitext(name)[1].lower())
    start = data.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(start):
        return "an HTML page"
    return "an XML document" if _XML.match(start) else ""


def describe_any(data: bytes) -> str:
    """As `describe`, but never empty: what cannot be told is a text, empty, or no known kind."""
    if not data:
        return "empty"
    return describe(data) or ("a text" if _is_text(data) else UNKNOWN)


def _is_text(data: bytes) -> bool:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < max(1, len(data) - 3):  # else a character that the end of the head cuts
            return False
        text = data[: error.start].decode(encoding)
    return all(character.isprintable() or character in "\t\n\r\f" for character in text.lstrip("\ufeff"))


def _zip_kind(data: bytes, extension: str) -> str:
    """What a ZIP archive is, by the names in it."""
    try:
        names = " ".join(zipfile.ZipFile(io.BytesIO(data)).namelist()).encode()
    except zipfile.BadZipFile:  # the head alone, or a damaged one
        names = data
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in data[:200] or extension == ".ods":
        return "an OpenDocument spreadsheet (.ods)"
    if (b"Index/" in names and b".iwa" in names) or extension == ".numbers":
        return "a Numbers spreadsheet"
    if b"xl/" in names or extension in (".xlsx", ".xlsm"):
        return "an Excel workbook (.xlsx)"
    return "an Office document" if b"[Content_Types].xml" in names else "a ZIP archive"
