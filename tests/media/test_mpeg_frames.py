"""MP3 files with tags, without tags, with wrong ones: as many samples as there are frames, or an error."""

import pathlib
import struct

import numpy as np
import pytest

from audioset_triplet.media import audio_files
from tests.audio_examples import APE, ID3V1, ID3V2, by_ffmpeg, encoded, noise, patched

MP3 = encoded(noise(1.0), format="MP3")
COUNT = MP3.index(b"Xing") + 8  # of frames


def load(path: pathlib.Path, data: bytes, rate_hz: int = 16000) -> np.ndarray:
    path.write_bytes(data)
    return audio_files.load(path, sample_rate_hz=rate_hz)


def error_of(path: pathlib.Path, data: bytes) -> audio_files.AudioError:
    with pytest.raises(audio_files.AudioError) as caught:
        load(path, data)
    return caught.value


@pytest.mark.parametrize(
    "before, behind",
    [(ID3V2, b""), (b"", ID3V1), (b"", APE), (ID3V2, APE + ID3V1), (b"rubbish!" * 20, b""), (bytes(3000), bytes(5000))],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.ogg"])
def test_what_is_before_and_behind_the_frames(tmp_path: pathlib.Path, before: bytes, behind: bytes, name: str) -> None:
    np.testing.assert_array_equal(load(tmp_path / name, before + MP3 + behind), load(tmp_path / "plain.mp3", MP3))


@pytest.mark.parametrize("num_frames", [0, 3, 30, 150, 2**32 - 1])
def test_a_tag_that_counts_wrong(tmp_path: pathlib.Path, num_frames: int) -> None:
    """Without the tag nobody knows which samples are the encoder's: all are read, those of MP3 (2257 here) included."""
    samples = load(tmp_path / "a.mp3", patched(MP3, COUNT, struct.pack(">I", num_frames)))
    assert 16000 <= len(samples) <= 16000 + 2257
    plain = load(tmp_path / "plain.mp3", MP3)
    delay = int(np.argmax(np.correlate(samples, plain[5000:10000], "valid"))) - 5000
    assert np.corrcoef(samples[delay + 3000 : delay + 12000], plain[3000:12000])[0, 1] > 0.99


@pytest.mark.parametrize("has_one_bit_rate", [True, False])
def test_without_a_tag_all_frames_are_read(tmp_path: pathlib.Path, has_one_bit_rate: bool) -> None:
    """libsndfile stops where the first bit rate would end."""
    pytest.importorskip("av", reason="needs the video extra")
    codec_options = {"b": "64000"} if has_one_bit_rate else {"global_quality": "500", "flags": "+qscale"}
    options = {"write_xing": "0", "id3v2_version": "0"}
    data = by_ffmpeg(noise(3.0, 44100), 44100, "mp3", "libmp3lame", options, codec_options)
    samples = load(tmp_path / "a.mp3", data, 44100)
    assert 3 * 44100 <= len(samples) <= 3 * 44100 + 3 * 1152
    assert len(load(tmp_path / "a.mp3", data + data, 44100)) >= 2 * 3 * 44100
    np.testing.assert_array_equal(load(tmp_path / "a.mp3", data + 9 * APE, 44100), samples)


def test_a_damaged_tag_is_none(tmp_path: pathlib.Path) -> None:
    """libsndfile does not see it, and would guess the length from the first bit rate."""
    assert len(load(tmp_path / "a.mp3", patched(MP3, 8, b"x"))) >= 16000


def test_missing_frames_and_rubbish_among_frames(tmp_path: pathlib.Path) -> None:
    assert error_of(tmp_path / "a.mp3", MP3[:-1500]).reason == "truncated"
    assert "no MPEG audio" in error_of(tmp_path / "a.mp3", MP3 + b"rubbish!" * 30 + MP3).detail
    assert error_of(tmp_path / "a.mp3", MP3[:1200] + bytes(600) + MP3[1800:]).reason in ("unreadable", "truncated")
    assert error_of(tmp_path / "a.mp3", ID3V2).reason == "empty"


def test_mp2(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("av", reason="needs the video extra")
    data = by_ffmpeg(noise(1.0, 44100), 44100, "mp2", "mp2")
    assert 44100 <= len(load(tmp_path / "a.mp2", data, 44100)) <= 44100 + 2 * 1152
