"""Audio files inside another file: tar archives, and packs of waveforms in HDF5 as PANNs writes them.

A container is indexed in one pass; later a worker reads only the bytes of the file that it needs.
"""

import posixpath
import tarfile
from typing import BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Tuple

import h5py
import numpy as np

# A pack's samples are int16: 32767 times the waveform.
_PACK_SCALE = 32767


class Member(NamedTuple):
    """An audio file in a container."""

    name: str
    start: int  # tar: its first byte; pack: its row
    size: int  # bytes
    changed: int  # seconds since 1970; tar: the time of the member; pack: that of the whole file


Warn = Callable[[str], None]  # gets a description of the damage, without the name of the container


def tar_members(file: BinaryIO, num_bytes: int, warn: Warn) -> List[Member]:
    """The files in a tar archive, in the order of their names.

    Of several files of one name the last counts, as it does for tar; links inside the archive are followed. After a
    damaged header, the index continues at the next intact one. The incomplete last file of a truncated archive is among
    the members: reading it gives the error.

    Args:
        file: the archive, uncompressed.
        num_bytes: its size.
        warn: called for damage and for members that cannot be read.
    """
    members: Dict[str, Member] = {}
    links: Dict[str, str] = {}
    if not num_bytes:
        warn("empty")
        return []
    num_damaged = end = 0
    last = "its beginning"
    for start, info, end_of_it in _headers(file, num_bytes):
        num_damaged += not _is_blank(file, end, start)
        end, last = end_of_it, info.name
        name = posixpath.normpath(info.name).lstrip("/")
        if info.issparse():
            warn(f"{name} is stored as a sparse file, which cannot be read in place: pack it without --sparse")
        elif info.isreg():
            links.pop(name, None)
            members[name] = Member(name, info.offset_data, info.size, int(info.mtime))
        elif info.islnk() or info.issym():
            beside = posixpath.dirname(name) if info.issym() else ""
            links[name] = posixpath.normpath(posixpath.join(beside, info.linkname)).lstrip("/")
    for name, target in links.items():
        if target in members:
            members[name] = members[target]._replace(name=name)
    if num_damaged:
        warn(f"damaged in {num_damaged} places: the files with these headers are lost")
    if end >= num_bytes or not _is_blank(file, end, num_bytes):
        warn(f"truncated, or damaged, after {last}: any later files are lost")
    return [members[name] for name in sorted(members, key=lambda name: name.split("/"))]


def _headers(file: BinaryIO, num_bytes: int) -> Iterator[Tuple[int, tarfile.TarInfo, int]]:
    """(where its header begins, the header, where the next one should be) of every member with an intact header."""
    file.seek(num_bytes)  # `TarFile` reads a header of its own when it is made, and fails if that is damaged
    position = 0
    with tarfile.TarFile(fileobj=file, ignore_zeros=True) as tar:
        while position < num_bytes:
            file.seek(position)
            try:
                info = tarfile.TarInfo.fromtarfile(tar)
            except (tarfile.TarError, ValueError, IndexError):  # zeros, or damage: the next header may be intact
                position += tarfile.BLOCKSIZE
                continue
            start, position = position, tar.offset
            yield start, info, position


def _is_blank(file: BinaryIO, start: int, stop: int) -> bool:
    """Whether all bytes of a range are zero, as at the end of an archive."""
    file.seek(start)
    while start < stop:
        block = file.read(min(1 << 20, stop - start))
        if not block or block.count(0) < len(block):
            return False
        start += len(block)
    return True


def pack_rows(file: BinaryIO, changed: int, warn: Warn) -> List[Member]:
    """The waveforms in a pack, in the order of their names; of several with one name the last counts.

    A pack has a row for every clip of the list that it was made from; a row without a name is a missing clip.

    Args:
        file: HDF5 with `audio_name` [n], `waveform` [n, L] (int16, or floating) and the attribute `sample_rate`.
        changed: when it was last written.
        warn: called if the file is no such pack.
    """
    try:
        with h5py.File(file, "r") as pack:
            names, waveforms = pack["audio_name"][:], pack["waveform"]
            if len(names) != len(waveforms) or waveforms.ndim != 2 or waveforms.dtype.kind not in "if":
                raise ValueError(f"waveform is {waveforms.dtype} {waveforms.shape}, for {len(names)} names")
            if waveforms.dtype.kind == "i" and waveforms.dtype != np.int16:
                raise ValueError(f"waveform is {waveforms.dtype}, and not int16")
            if int(pack.attrs["sample_rate"]) <= 0:
                raise ValueError("its sample_rate is not positive")
            size = waveforms.shape[1] * waveforms.dtype.itemsize
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        warn(f"left out: no readable pack of audio_name, waveform and sample_rate: {_line(error)}")
        return []
    rows = {}
    for row, raw in enumerate(names):
        name = (raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)).strip()
        if name:
            rows[name] = Member(name, row, size, changed)
    return [rows[name] for name in sorted(rows)]


def read_row(file: BinaryIO, row: int) -> Tuple[int, np.ndarray]:
    """(rate in Hz, float32 [L]) of a row of a pack.

    Raises:
        ValueError: it cannot be read; with the reason.
    """
    try:
        with h5py.File(file, "r") as pack:
            samples = pack["waveform"][row]
            rate_hz = int(pack.attrs["sample_rate"])
    except (OSError, RuntimeError, LookupError, TypeError) as error:
        raise ValueError(_line(error)) from error
    scale = np.float32(_PACK_SCALE if samples.dtype.kind == "i" else 1)
    return rate_hz, samples.astype(np.float32) / scale


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
