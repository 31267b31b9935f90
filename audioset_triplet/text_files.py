"""Text files of users, in the encodings that spreadsheets and editors write; what is no text is named.

UTF-8 with or without a byte order mark, and UTF-16 with one (Excel's "Unicode text"). Line ends are those of Unix,
Windows and old Macs, also mixed.
"""

import codecs
import io
import os
import unicodedata
from typing import List, Union

from audioset_triplet import file_kinds
from audioset_triplet.errors import UserError

Path = Union[str, "os.PathLike[str]"]

_MARKS = {  # those of UTF-32 begin as those of UTF-16 do
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NAMES = {"utf-8": "UTF-8", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


def read(path: Path, advice: str = "save it as UTF-8") -> str:
    """The text of a file, without a byte order mark.

    Args:
        path: the file.
        advice: what to do about a file that is no text.

    Raises:
        UserError: there is no such file, it cannot be read, or it is no text in one of the encodings; with the line.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise UserError(f"{os.fspath(path)}: no such file") from error
    except IsADirectoryError as error:
        raise UserError(f"{os.fspath(path)}: a folder, not a file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UserError(f"{os.fspath(path)} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return decode(data, os.fspath(path), advice)


def decode(data: bytes, path: str, advice: str = "save it as UTF-8") -> str:
    """The text in the bytes of a file; arguments and errors as for `read`."""
    kind = file_kinds.describe(data, path)
    if kind:
        raise UserError(f"{path}: {kind}, not a text: {advice}")
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = data[len(mark) : len(mark) + error.start].decode(encoding, "replace")
        what = (
            f"byte 0x{error.object[error.start]:02x}; Windows-1252, for example" if encoding == "utf-8" else "damaged"
        )
        raise UserError(f"{path}: line {_line_at_end(before)}: not {_NAMES[encoding]} ({what}): {advice}") from error
    if "\0" in text:
        line = _line_at_end(text[: text.index("\0")])
        what = (
            "UTF-16 without a byte order mark"
            if text.count("\0") > len(text) // 4
            else "a NUL character, as in no text"
        )
        raise UserError(f"{path}: line {line}: {what}: {advice}")
    return text


def lines(text: str) -> List[str]:
    """The lines of a text with their ends, which are LF, CR LF or CR: as `str.splitlines`, which knows more of them."""
    return list(io.StringIO(text, newline=""))


def _line_at_end(text: str) -> int:
    """The number of the line, from 1, on which the next character is."""
    whole = lines(text)
    return max(1, len(whole) + (not whole or whole[-1].endswith(("\n", "\r"))))


def composed(text: str) -> str:
    """The same text with composed characters (NFC): names of files from macOS have them apart."""
    return unicodedata.normalize("NFC", text)
