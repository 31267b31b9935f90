"""Archives and packs for tests, and a remote file system that only Beam knows."""

import gzip
import io
import os
import pathlib
import tarfile
from typing import Dict, Mapping, Sequence

import h5py
import numpy as np
import soundfile
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from audioset_triplet.media import audio_files
from data_prep import audio_sources

LONG = "/".join(["folder with a long name"] * 6 + ["grüße.wav"])  # more than a header of tar holds
BLOCK = 512  # of tar: all in it begins at a multiple of this


def audio_bytes(samples: np.ndarray, rate_hz: int, format: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=format, subtype=subtype)
    return buffer.getvalue()


def noise(seconds: float, rate_hz: int = 16000, channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = [round(seconds * rate_hz), channels] if channels > 1 else round(seconds * rate_hz)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape)


def write_tar(
    path: pathlib.Path, members: Mapping[str, bytes], format: int = tarfile.PAX_FORMAT, mtime: int = 7
) -> Dict:
    """Writes an archive; name -> its `TarInfo`, with the offsets."""
    with tarfile.open(path, "w", format=format) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), mtime
            tar.addfile(info, io.BytesIO(data))
    with tarfile.open(path) as tar:
        return {info.name: info for info in tar.getmembers()}


def write_pack(path: pathlib.Path, names: Sequence[str], waveforms: np.ndarray, rate_hz: int = 32000) -> None:
    """Writes what PANNs' utils/dataset.py does: fixed-length names, int16 waveforms, no labels here."""
    with h5py.File(path, "w") as pack:
        pack.create_dataset("audio_name", data=np.array([name.encode() for name in names], dtype="S40"))
        pack.create_dataset("waveform", data=waveforms)
        pack.create_dataset("target", data=np.zeros([len(names), 527], bool))
        pack.attrs.create("sample_rate", rate_hz, dtype=np.int32)


class FarFileSystem(LocalFileSystem):
    """far:///PATH is a file of this machine. As on HDFS, a folder is listed alone and folders in it as empty files."""

    num_bytes_read = 0

    @classmethod
    def scheme(cls) -> str:
        return "far"

    def _url_dirname(self, url_or_path: str) -> str:
        return url_or_path.rpartition("/")[0]

    def _list(self, dir_or_prefix: str):
        for entry in os.scandir(_here(dir_or_prefix)):
            size = 0 if entry.is_dir() else entry.stat().st_size
            yield FileMetadata(f"{dir_or_prefix}/{entry.name}", size, entry.stat().st_mtime)

    def exists(self, path: str) -> bool:
        return os.path.exists(_here(path))

    def metadata(self, path: str) -> FileMetadata:
        size = 0 if os.path.isdir(_here(path)) else os.path.getsize(_here(path))
        return FileMetadata(path, size, os.path.getmtime(_here(path)))

    def open(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO):
        assert compression_type == CompressionTypes.UNCOMPRESSED  # else Beam unpacks a file by its name
        return io.BufferedReader(_Counted(_here(path)))


class _Counted(io.FileIO):
    def readinto(self, buffer) -> int:
        num_bytes = super().readinto(buffer) or 0
        FarFileSystem.num_bytes_read += num_bytes
        return num_bytes


def _here(url: str) -> str:
    return url[len("far://") :]


def write_files(folder, members):
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def gzipped(members):
    return {f"{name}.gz": gzip.compress(data) for name, data in members.items()}


def load(location):
    with audio_sources.local_file(location) as path:
        return audio_files.load(path, sample_rate_hz=16000)


def locations_below(source):
    return {audio_sources.below(source, location): location for location in audio_sources.find(source)}
