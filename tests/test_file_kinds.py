"""What a file is, told by files that real writers made."""

import gzip
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from audioset_triplet import file_kinds


def made(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def zipped(*names, first=""):
    def write(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            if first:
                archive.writestr(zipfile.ZipInfo("mimetype"), first)
            for name in names:
                archive.writestr(name, "text " * 2000)

    return made(write)


def sound(kind):
    return made(lambda file: soundfile.write(file, np.zeros(100), 16000, format=kind))


KINDS = {
    "gzip": (gzip.compress(b"x", mtime=0), "a gzip archive"),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)"),
    "ods": (
        zipped("content.xml", first="application/vnd.oasis.opendocument.spreadsheet"),
        "an OpenDocument spreadsheet (.ods)",
    ),
    "numbers": (zipped("Index/Document.iwa"), "a Numbers spreadsheet"),
    "zip": (zipped("a.txt"), "a ZIP archive"),
    "parquet": (made(lambda file: pq.write_table(pa.table({"a": [1]}), file)), "a Parquet file"),
    "wav": (sound("WAV"), "a WAV file"),
    "flac": (sound("FLAC"), "a FLAC file"),
    "ogg": (sound("OGG"), "an Ogg file"),
    "html": (b"\xef\xbb\xbf\n<!-- x -->\n<HTML>", "an HTML page"),
    "xml": (b"<?xml version='1.0'?>", "an XML document"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS pointer"),
    "text": ("plain, wörds\n".encode(), "a text"),
    "unknown": (b"\x01\x02\xff", "of no known kind"),
    "empty": (b"", "empty"),
}


# By name: the bytes hold times and random serial numbers, and all workers must collect the same tests.
@pytest.mark.parametrize("data, kind", KINDS.values(), ids=KINDS)
def test_what_a_file_is(data, kind):
    assert file_kinds.describe_any(data).startswith(kind)
    assert file_kinds.describe_any(data[: file_kinds.HEAD_BYTES]).startswith(kind if "Excel" not in kind else "an ")
