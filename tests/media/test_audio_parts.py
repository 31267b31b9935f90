"""Chained files and odd headers: all of the sound that was encoded is read, or the file is rejected."""

import pathlib
import struct
from typing import Callable, List

import numpy as np
import pytest

from audioset_triplet.media import audio_files
from audioset_triplet.media.audio_files import AudioError
from tests.audio_examples import (
    APE,
    ID3V1,
    ID3V2,
    after,
    by_ffmpeg,
    encoded,
    flac_with_length,
    noise,
    patched,
)

A, B = noise(1.0), noise(0.7, seed=1)
EMPTY = np.zeros((0, 1))
WAV = encoded(A)
FLAC = encoded(A, format="FLAC")
OPEN = b"\xff" * 4


def load(path: pathlib.Path, data: bytes, rate_hz: int = 16000) -> np.ndarray:
    path.write_bytes(data)
    return audio_files.load(path, sample_rate_hz=rate_hz)


def error_of(path: pathlib.Path, data: bytes) -> AudioError:
    with pytest.raises(AudioError) as caught:
        load(path, data)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return caught.value


def wav_with(data_size: bytes, riff_size: bytes = WAV[4:8], wav: bytes = WAV) -> bytes:
    return patched(patched(wav, 40, data_size), 4, riff_size)


def rf64_with(sizes: bytes) -> bytes:
    return after(encoded(A, format="RF64"), b"ds64", sizes, distance=4)


def with_chunk(contents: bytes) -> bytes:
    """A WAV file with a chunk of five bytes before its samples."""
    return WAV[:36] + b"LIST" + struct.pack("<I", 5) + contents + WAV[36:]


@pytest.mark.parametrize(
    "data",
    {
        "sizes of a crash": wav_with(bytes(4), bytes(4)),
        "the size of the samples alone": wav_with(bytes(4)),
        "sizes of FFmpeg in a pipe": wav_with(OPEN, OPEN),
        "sizes of sox in a pipe": wav_with(struct.pack("<I", 0x7FFFF000), struct.pack("<I", 0x7FFFF024)),
        "sizes of arecord in a pipe": wav_with(struct.pack("<I", 0x80000000), struct.pack("<I", 0x80000024)),
        "RIFX": encoded(A, endian="BIG"),
        "RIFX, sizes of a crash": wav_with(bytes(4), bytes(4), encoded(A, endian="BIG")),
        "RF64": encoded(A, format="RF64"),
        "RF64 without sizes": rf64_with(OPEN * 6),
        "RF64 with sizes of a crash": rf64_with(bytes(24)),
        "BW64": b"BW64" + encoded(A, format="RF64")[4:],
        "W64": encoded(A, format="W64"),
        "extensible": encoded(A, format="WAVEX"),
        "two chunks of samples": WAV[:40]
        + struct.pack("<I", 16000)
        + WAV[44:16044]
        + b"data"
        + struct.pack("<I", 16000)
        + WAV[16044:],
        "an odd chunk": with_chunk(b"INFOx\0"),
        "an odd chunk that is not filled up": with_chunk(b"INFOx"),
        "headers counted as samples": wav_with(struct.pack("<I", 32036)),
        "rubbish after it": WAV + b"rubbish" * 9,
        "a tag after it": WAV + ID3V2,
        "a tag before it": ID3V2 + WAV,
        "AIFF": encoded(A, format="AIFF"),
        "AIFF without size": after(encoded(A, format="AIFF"), b"SSND", OPEN),
        "CAF": encoded(A, format="CAF"),
        "AU without size": patched(encoded(A, format="AU"), 8, OPEN),
        "AU with the size of a crash": patched(encoded(A, format="AU"), 8, bytes(4)),
    }.items(),
    ids=lambda item: item[0],
)
def test_pcm_files_with_odd_headers(tmp_path: pathlib.Path, data: tuple) -> None:
    np.testing.assert_array_equal(load(tmp_path / "odd.wav", data[1]), load(tmp_path / "plain.wav", WAV))


@pytest.mark.parametrize("name", ["a.flac", "a.wav", "a.mp3"])
def test_flac_of_unknown_length_and_with_tags(tmp_path: pathlib.Path, name: str) -> None:
    expected = load(tmp_path / "plain", FLAC)
    np.testing.assert_allclose(expected, A[:, 0], atol=1 / 32768)
    streamed = flac_with_length(FLAC, 0)
    for data in (streamed, ID3V2 + FLAC, FLAC + ID3V1, streamed + ID3V1):
        np.testing.assert_array_equal(load(tmp_path / name, data), expected)


def test_a_damaged_flac_of_unknown_length_is_an_error(tmp_path: pathlib.Path) -> None:
    streamed = flac_with_length(FLAC, 0)
    for data in (streamed[:-500], streamed[: len(streamed) // 2], patched(streamed, 9000, b"0123456789")):
        assert error_of(tmp_path / "a.flac", data).reason == "truncated"


def test_a_small_file_that_claims_ten_hours(tmp_path: pathlib.Path) -> None:
    assert error_of(tmp_path / "a.flac", flac_with_length(FLAC, 36000 * 16000)).reason == "truncated"
    assert error_of(tmp_path / "b.wav", wav_with(struct.pack("<I", 36000 * 32000))).reason == "truncated"


CHAINS = {
    "wav": lambda x, rate: encoded(x, rate),
    "aiff": lambda x, rate: encoded(x, rate, "AIFF"),
    "au": lambda x, rate: encoded(x, rate, "AU"),
    "caf": lambda x, rate: encoded(x, rate, "CAF"),
    "w64": lambda x, rate: encoded(x, rate, "W64"),
    "flac": lambda x, rate: encoded(x, rate, "FLAC"),
    "streamed.flac": lambda x, rate: flac_with_length(encoded(x, rate, "FLAC"), 0),
    "ogg": lambda x, rate: encoded(x, rate, "OGG", "VORBIS"),
    "opus": lambda x, rate: encoded(x, rate, "OGG", "OPUS"),
    "mp3": lambda x, rate: encoded(x, rate, "MP3"),
    "tagged.mp3": lambda x, rate: ID3V2 + encoded(x, rate, "MP3") + APE + ID3V1,
}
FFMPEG_CHAINS = {
    "oga": lambda x, rate: by_ffmpeg(x, rate, "ogg", "flac"),
    "webm": lambda x, rate: by_ffmpeg(x, rate, "matroska", "libopus"),
    "wma": lambda x, rate: by_ffmpeg(x, rate, "asf", "wmav2", codec_options={"b": "64000"}),
    "tta": lambda x, rate: by_ffmpeg(x, rate, "tta", "tta"),
}
Encode = Callable[[np.ndarray, int], bytes]


def require_all_or_an_error(folder: pathlib.Path, name: str, encode: Encode, rates_hz: List[int]) -> None:
    rate_hz, other_rate_hz = rates_hz
    parts = [encode(x, rate_hz) for x in (noise(0.5, rate_hz), noise(0.3, rate_hz, seed=1))]
    expected = [load(folder / f"part.{name}", part, rate_hz) for part in parts]
    np.testing.assert_array_equal(load(folder / name, b"".join(parts), rate_hz), np.concatenate(expected))
    error = error_of(folder / name, parts[0] + encode(noise(0.5, other_rate_hz), other_rate_hz))
    assert error.detail.startswith("several files in one, of different formats")


@pytest.mark.parametrize("kind", CHAINS)
def test_files_in_a_row(tmp_path: pathlib.Path, kind: str) -> None:
    require_all_or_an_error(tmp_path, kind, CHAINS[kind], [16000, 24000])
    mono, stereo = (CHAINS[kind](noise(0.5, channels=channels), 16000) for channels in (1, 2))
    assert "different formats" in error_of(tmp_path / kind, mono + stereo).detail


@pytest.mark.parametrize("kind", FFMPEG_CHAINS)
def test_files_in_a_row_that_ffmpeg_reads(tmp_path: pathlib.Path, kind: str) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    if kind == "webm":  # Opus has one rate
        parts = [FFMPEG_CHAINS[kind](noise(seconds, 48000), 48000) for seconds in (0.5, 0.3)]
        expected = np.concatenate([load(tmp_path / kind, part, 48000) for part in parts])
        np.testing.assert_array_equal(load(tmp_path / kind, parts[0] + parts[1], 48000), expected)
    else:
        require_all_or_an_error(tmp_path, kind, FFMPEG_CHAINS[kind], [44100, 22050])


def test_raw_streams_in_a_row(tmp_path: pathlib.Path) -> None:
    """Two ADTS files are one; two AMR files have a header between them."""
    pytest.importorskip("av", reason="needs the video extra")
    aac = by_ffmpeg(A, 16000, "adts", "aac")
    assert len(load(tmp_path / "a.aac", aac + aac)) == 2 * len(load(tmp_path / "b.aac", aac))
    amr = by_ffmpeg(noise(1.0, 8000), 8000, "amr", "libopencore_amrnb")
    one = load(tmp_path / "a.amr", amr, 8000)
    np.testing.assert_array_equal(load(tmp_path / "b.amr", amr + amr, 8000), np.concatenate([one, one]))


@pytest.mark.parametrize("first", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("second", ["wav", "streamed.flac", "ogg", "tagged.mp3"])
def test_files_of_two_formats_in_a_row(tmp_path: pathlib.Path, first: str, second: str) -> None:
    data = CHAINS[first](A, 16000) + CHAINS[second](noise(5.0), 16000)
    if first in second:
        assert len(load(tmp_path / "a.wav", data)) == 6 * 16000
    elif first != "flac":  # where its last frame ends is not known
        assert error_of(tmp_path / "a.wav", data).reason == "unreadable"


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_damaged_ogg_is_an_error(tmp_path: pathlib.Path, kind: str) -> None:
    data = encoded(A, format="OGG", subtype=kind)
    middle = len(data) // 2
    assert "checksum" in error_of(tmp_path / "a.ogg", patched(data, middle, b"0123")).detail
    assert error_of(tmp_path / "a.ogg", data[:-100]).reason == "truncated"
    pages = encoded(noise(5.0), format="OGG", subtype=kind).split(b"OggS")
    lacking = b"OggS".join(pages[:-2] + pages[-1:])
    assert "pages are missing" in error_of(tmp_path / "a.ogg", lacking).detail


def test_ogg_flac(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    data = by_ffmpeg(A, 16000, "ogg", "flac")
    np.testing.assert_allclose(load(tmp_path / "a.ogg", data), A[:, 0], atol=1 / 32768)
    assert error_of(tmp_path / "a.ogg", data[:-700]).reason == "truncated"


def test_an_au_file_that_holds_more_than_it_counts(tmp_path: pathlib.Path) -> None:
    assert "more follow" in error_of(tmp_path / "a.au", patched(encoded(A, format="AU"), 8, b"\0\0\x10\0")).detail


def test_files_of_ffmpeg_that_lack_bytes_or_hold_others(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    avi = by_ffmpeg(A, 16000, "avi", "libmp3lame")
    webm = by_ffmpeg(noise(3.0, 48000), 48000, "matroska", "libopus")
    middle = len(webm) // 2
    assert error_of(tmp_path / "a.avi", avi[:-1000]).reason == "truncated"
    assert error_of(tmp_path / "a.webm", webm[:-1000]).reason == "truncated"
    rubbish = np.random.default_rng(0).bytes(1000)
    assert error_of(tmp_path / "a.webm", webm[:middle] + rubbish + webm[middle:]).reason == "truncated"
    assert error_of(tmp_path / "a.webm", patched(webm, middle, bytes(3000))).reason == "truncated"


@pytest.mark.parametrize("layout, channels", [("stereo", 2), ("hexadecagonal", 16)])
def test_channels_by_ffmpeg(tmp_path: pathlib.Path, layout: str, channels: int) -> None:
    av = pytest.importorskip("av", reason="needs the video extra")
    samples = np.round(32768 * noise(0.5, channels=channels)).clip(-32768, 32767).astype(np.int16)
    path = tmp_path / "a.mka"
    with av.open(str(path), "w", format="matroska") as container:
        track = container.add_stream("pcm_s16le", rate=16000, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    decoded = audio_files.load(path, sample_rate_hz=16000, num_channels=channels)
    np.testing.assert_array_equal(decoded, samples.astype(np.float32) / 32768)


@pytest.mark.parametrize(
    "data, reason, detail",
    [
        (WAV[:-1000], "truncated", "31000 of 32000 bytes of samples"),
        (wav_with(struct.pack("<I", 3_000_000_000)), "truncated", "32000 of 3000000000"),
        (WAV[:30], "truncated", "its header"),
        (WAV[:36], "empty", "no data chunk"),
        (encoded(EMPTY), "empty", "data chunk is empty"),
        (encoded(EMPTY) + b"LIST\4\0\0\0INFO", "empty", "data chunk is empty"),
        (b"RIFF\x14\0\0\0WAVEdata\x08\0\0\0" + bytes(8), "unreadable", "no fmt chunk"),
        (wav_with(struct.pack("<I", 3200)), "unreadable", "28800 more follow"),
        (encoded(A, format="RF64")[:-1000], "truncated", "31000 of 32000"),
        (encoded(A, format="W64")[:-1000], "truncated", "31000 of 32000"),
        (encoded(A, format="AIFF")[:-1000], "truncated", "31008 of 32008"),
        (encoded(A, format="CAF")[:-1000], "truncated", "31004 of 32004"),
        (encoded(A, format="AU")[:-1000], "truncated", "31000 of 32000"),
        (encoded(A, format="NIST")[:-1000], "truncated", "31000 of 32000"),
        (encoded(A, format="AU")[:20], "truncated", "header"),
    ],
)
def test_pcm_files_that_lack_samples(tmp_path: pathlib.Path, data: bytes, reason: str, detail: str) -> None:
    error = error_of(tmp_path / "a.wav", data)
    assert error.reason == reason and detail in error.detail


@pytest.mark.parametrize("rate_hz", [0, 1, 99, 2**31 - 1, 2**31, 2**32 - 1])
def test_absurd_rates(tmp_path: pathlib.Path, rate_hz: int) -> None:
    error = error_of(tmp_path / "a.wav", patched(WAV, 24, struct.pack("<I", rate_hz)))
    assert error.detail == f"its header says {rate_hz} Hz, and 100 to 4000000 are possible"


@pytest.mark.parametrize("channels", [0, 257, 1000, 65535])
def test_absurd_channels(tmp_path: pathlib.Path, channels: int) -> None:
    error = error_of(tmp_path / "a.wav", patched(WAV, 22, struct.pack("<H", channels)))
    assert error.detail == f"its header says {channels} channels, and 1 to 256 are possible"
