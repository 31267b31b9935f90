"""Every audio file gives the samples of librosa, in constant memory, or an error with its reason."""

import errno
import os
import pathlib
import sys
import tracemalloc
import types
from typing import Any, Iterator, Optional

import numpy as np
import pytest
import soundfile

from audioset_triplet.media import audio_error, audio_files, extensions
from audioset_triplet.media.pcm import to_pcm
from tests import audio_examples, datasets
from tests.reference import audio as reference


def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels))


def write(path: pathlib.Path, samples: np.ndarray, rate: int, **options: Any) -> pathlib.Path:
    soundfile.write(path, samples, rate, **options)
    return path


def load(path: audio_files.Path, sample_rate_hz: int = 16000, num_channels: int = 1) -> np.ndarray:
    return audio_files.load(path, sample_rate_hz=sample_rate_hz, num_channels=num_channels)


def stream(path: pathlib.Path, block_seconds: float = 30.0) -> Iterator[np.ndarray]:
    return audio_files.stream(path, sample_rate_hz=16000, block_seconds=block_seconds)


def reason_of(path: pathlib.Path) -> str:
    with pytest.raises(audio_files.AudioError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_equals_librosa(tmp_path: pathlib.Path, rate: int, channels: int) -> None:
    path = write(tmp_path / "a.wav", noise(1.7, rate, channels), rate)
    expected = reference.load(path, 16000)
    blocks = list(stream(path, block_seconds=0.25))
    assert len(blocks) > 3
    samples = np.concatenate(blocks)
    assert samples.dtype == np.float32
    assert samples.shape == expected.shape
    np.testing.assert_allclose(samples, expected, atol=1e-6)


@pytest.mark.parametrize("target", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_any_rate_and_stereo_equal_librosa(tmp_path: pathlib.Path, rate: int, target: int) -> None:
    path = write(tmp_path / "a.wav", noise(0.7, rate, 2), rate)
    expected = reference.load(path, target, mono=False)
    stereo = load(path, target, num_channels=2)
    assert stereo.dtype == np.float32 and stereo.shape == expected.shape
    np.testing.assert_allclose(stereo, expected, atol=1e-6)
    mono = load(path, target)
    np.testing.assert_allclose(mono, reference.load(path, target), atol=1e-6)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_every_codec_of_a_real_clip_equals_librosa(extension: str) -> None:
    path = datasets.clips() / f"21100_36_48.{extension}"
    expected = reference.load(path, 16000)
    np.testing.assert_allclose(np.concatenate(list(stream(path, 0.25))), expected, atol=1e-6)


@pytest.mark.slow  # on a new machine Numba compiles librosa for 5 s
@pytest.mark.parametrize("mono", [True, False])
@pytest.mark.parametrize("rate, target", [(16000, 16000), (44100, 16000), (16000, 22050), (8000, 48000)])
def test_the_reference_is_librosa(tmp_path: pathlib.Path, rate: int, target: int, mono: bool) -> None:
    from librosa.core import audio as librosa  # not all of it, which takes three times as long

    path = write(tmp_path / "a.wav", noise(0.7, rate, 2), rate)
    expected, _ = librosa.load(path, sr=target, mono=mono)
    np.testing.assert_allclose(reference.load(path, target, mono), expected.T, atol=1e-6)


def test_four_codecs_of_a_real_clip_agree() -> None:
    stem = datasets.clips() / "21100_36_48"
    lossless, *others = (load(f"{stem}.{extension}") for extension in ("wav", "flac", "ogg", "mp3"))
    # 24-bit FLAC rounds float64 to steps of 2^-23.
    np.testing.assert_allclose(others[0], lossless, atol=2.0**-23)
    for lossy in others[1:]:
        assert np.corrcoef(lossless, lossy)[0, 1] > 0.95


def test_channels_are_averaged(tmp_path: pathlib.Path) -> None:
    left = np.round(noise(0.5, 16000)[:, 0] * 2**15) / 2**15
    path = write(tmp_path / "stereo.wav", np.stack([left, -left / 2], axis=1), 16000, subtype="FLOAT")
    np.testing.assert_allclose(load(path), left / 4, atol=1e-7)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_other_numbers_of_channels_are_averaged_and_repeated(tmp_path: pathlib.Path, rate: int) -> None:
    mono = write(tmp_path / "mono.wav", noise(0.2, rate), rate)
    np.testing.assert_array_equal(load(mono, num_channels=2), np.stack([load(mono)] * 2, axis=1))
    surround = write(tmp_path / "surround.wav", noise(0.2, rate, 6), rate)
    np.testing.assert_array_equal(load(surround, num_channels=2), np.stack([load(surround)] * 2, axis=1))
    unchanged = load(surround, rate, num_channels=6)
    np.testing.assert_allclose(unchanged, noise(0.2, rate, 6), atol=1 / 32768)
    np.testing.assert_allclose(load(surround, rate), unchanged.mean(axis=1), atol=1e-6)


def test_ten_samples_are_enough(tmp_path: pathlib.Path) -> None:
    assert len(load(write(tmp_path / "short.wav", noise(10 / 16000, 16000), 16000))) == 10
    # 10 samples of 44.1 kHz are 3.6 of 16 kHz.
    assert len(load(write(tmp_path / "short44.wav", noise(10 / 44100, 44100), 44100))) == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_not_finite(tmp_path: pathlib.Path, bad: float, rate: int) -> None:
    samples = noise(1.0, rate)
    samples[rate // 2] = bad
    path = write(tmp_path / "bad.wav", samples, rate, subtype="FLOAT")
    assert reason_of(path) == "not finite"
    with pytest.raises(audio_files.AudioError, match=r"at 0\.500 s"):
        load(path)


@pytest.mark.parametrize(
    "extension, subtype",
    [("wav", "PCM_16"), ("wav", "DOUBLE"), ("aiff", "PCM_16"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None)],
)
@pytest.mark.parametrize("part", [0.3, 0.8])
def test_truncated(tmp_path: pathlib.Path, extension: str, subtype: Optional[str], part: float) -> None:
    path = write(tmp_path / f"cut.{extension}", noise(3.0, 44100), 44100, subtype=subtype)
    load(path)
    contents = path.read_bytes()
    path.write_bytes(contents[: int(part * len(contents))])
    assert reason_of(path) == "truncated"


def test_wav_from_a_pipe_has_no_length_and_is_read(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "pipe.wav", noise(0.5, 16000), 16000)
    contents = bytearray(path.read_bytes())
    at = contents.index(b"data") + 4
    contents[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(contents)
    assert len(load(path)) == 8000


def test_empty(tmp_path: pathlib.Path) -> None:
    assert reason_of(write(tmp_path / "header_only.wav", np.zeros(0), 16000)) == "empty"
    (tmp_path / "zero_bytes.flac").write_bytes(b"")
    assert reason_of(tmp_path / "zero_bytes.flac") == "empty"


def test_missing_and_unreadable(tmp_path: pathlib.Path) -> None:
    assert reason_of(tmp_path / "absent.wav") == "missing"
    assert reason_of(tmp_path) == "unreadable"
    (tmp_path / "text.wav").write_text("this is not audio\n" * 100)
    assert reason_of(tmp_path / "text.wav") == "unreadable"


@pytest.mark.parametrize("extension", extensions.AUDIO_EXTENSIONS)
def test_an_error_page_instead_of_audio_is_rejected(tmp_path: pathlib.Path, extension: str) -> None:
    path = tmp_path / f"clip{extension}"
    for text in ("<html><body>403 Forbidden</body></html>", '{"error": "Video unavailable"}\n' * 200):
        path.write_text(text)
        assert reason_of(path) in ("unreadable", "truncated")  # FFmpeg makes a header of some of it


def test_the_audio_track_of_a_video() -> None:
    pytest.importorskip("av", reason="needs the video extra")
    samples = load(datasets.clips() / "bento.mp4")
    # The audio track is one second long, less the 24 samples that the encoder's frames leave over.
    assert abs(len(samples) - 16000) < 100
    assert 0.001 < np.sqrt(np.mean(samples**2)) < 1


def test_video_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg program either
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
    with pytest.raises(audio_files.AudioError, match="video"):
        load(path)


def test_stream_is_lazy_and_needs_the_same_memory_for_any_length(tmp_path: pathlib.Path) -> None:
    def peak_bytes(seconds: int) -> int:
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 44100, 2) as file:
            for _ in range(seconds):
                file.write(noise(1.0, 44100, 2))
        tracemalloc.start()
        total = sum(len(block) for block in stream(path, block_seconds=5.0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == seconds * 16000
        return peak

    assert isinstance(stream(tmp_path / "absent.wav"), types.GeneratorType)  # nothing is opened yet
    short, long = peak_bytes(20), peak_bytes(200)
    assert long < 1.2 * short


def test_to_pcm_rounds_and_clips() -> None:
    steps = np.array([-1.5, -1.0, -0.6 / 32768, 0.0, 0.4 / 32768, 0.6 / 32768, 1 - 1 / 32768, 1.0, 3.0])
    assert to_pcm(steps).tolist() == [-32768, -32768, -1, 0, 0, 1, 32767, 32767, 32767]
    every_value = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(to_pcm(every_value.astype(np.float32) / 32768), every_value)


@pytest.mark.parametrize(
    "contents, detail",
    [
        (b"<!DOCTYPE html><html><body>sign in", "an HTML page"),
        (b"ERROR: Video unavailable\n", "a text"),
        ("ERROR: Video unavailable\n".encode("utf-16"), "a text"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://localhost/a.mp3\n", "a text"),
        (b"ffconcat version 1.0\nfile 'other.wav'\n", "a text"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(3000), "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(999), "a PNG image"),
        (b"%PDF-1.4\n" + bytes(range(256)), "a PDF"),
        (b"PK\x03\x04" + bytes(range(256)), "a ZIP archive"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "a gzip archive"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(4000), "an AppleDouble file"),
        (bytes(40000), "all of its bytes are zero"),
        (np.random.default_rng(0).bytes(100_000), "not audio or video"),
    ],
)
@pytest.mark.parametrize("extension", ["mp3", "wav", "m4a"])
def test_what_a_file_is_instead_of_audio(
    tmp_path: pathlib.Path, contents: bytes, detail: str, extension: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(contents)
    with pytest.raises(audio_files.AudioError, match=f"unreadable: {detail}"):
        load(path)
    assert capfd.readouterr().err == ""  # libsndfile's MP3 decoder writes there


@pytest.mark.parametrize("peak, is_used", [(1.0, True), (2.5, True), (8.0, True), (8.1, False), (1e20, False)])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_samples_far_beyond_full_scale_are_rejected(
    tmp_path: pathlib.Path, peak: float, is_used: bool, rate: int
) -> None:
    samples = noise(0.5, rate, 2)
    samples[rate // 4] = -peak, peak  # their average is 0
    path = write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    if is_used:
        load(path)
    else:
        with pytest.raises(audio_files.AudioError, match=r"not scaled: a sample of .* at 0\.250 s"):
            load(path)


def test_what_is_no_regular_file_is_not_opened(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert reason_of(tmp_path / "pipe.wav") == "unreadable"
    assert reason_of(pathlib.Path("/dev/zero")) == "unreadable"


def test_a_name_that_is_not_utf_8(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "a.wav", noise(0.1, 16000), 16000).rename(tmp_path / os.fsdecode(b"caf\xe9\n.wav"))
    with pytest.raises(audio_files.AudioError, match=r"caf\\xe9\\n\.wav: file name: it is not valid UTF-8"):
        load(path)


def test_apple_double_beside_a_file_does_no_harm(tmp_path: pathlib.Path) -> None:
    for extension in ("wav", "flac", "ogg", "mp3"):
        path = write(tmp_path / f"a.{extension}", noise(0.5, 16000), 16000)
        expected = load(path)
        (tmp_path / f"._a.{extension}").write_bytes(b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(4000))
        np.testing.assert_array_equal(load(path), expected)


@pytest.mark.parametrize("error", [ValueError("of\nnumpy"), MemoryError(), OSError(5, "Input/output error")])
def test_whatever_a_decoder_raises_is_an_audio_error(error: Exception) -> None:
    with pytest.raises(audio_files.AudioError, match="^a.wav: unreadable: decoding fails: [A-Z]"):
        with audio_error.as_audio_error("a.wav"):
            raise error


def test_a_full_disk_is_no_fault_of_a_file() -> None:
    with pytest.raises(OSError, match="full"):
        with audio_error.as_audio_error("a.wav"):
            raise OSError(errno.ENOSPC, "full")


def test_a_file_in_parts_is_not_stored_as_it_is(tmp_path: pathlib.Path) -> None:
    plain = write(tmp_path / "a.wav", noise(0.5, 16000), 16000)
    assert audio_files.is_regular(plain)
    (tmp_path / "b.wav").write_bytes(plain.read_bytes() * 2)
    assert not audio_files.is_regular(tmp_path / "b.wav")
    streamed = audio_examples.flac_with_length(audio_examples.encoded(noise(0.5, 16000), format="FLAC"), 0)
    (tmp_path / "c.flac").write_bytes(streamed)
    assert not audio_files.is_regular(tmp_path / "c.flac")
