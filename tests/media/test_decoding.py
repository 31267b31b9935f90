"""The graph's decoder gives what the decoder of files gives."""

import pathlib
from typing import Optional

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.media import audio_files, decoding, encodings
from audioset_triplet.media.pcm import to_pcm
from audioset_triplet.records import parsing, schema
from tests import datasets

parse_in_graph = {
    channels: tf.function(
        lambda record, channels=channels: parsing.parse_clip(record, channels),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    for channels in (1, 2)
}


def decoded(
    path: pathlib.Path, num_samples: Optional[int] = None, sample_rate_hz: int = 16000, num_channels: int = 1
) -> np.ndarray:
    """The samples of a file that went through a record with encoded audio."""
    contents = path.read_bytes()
    description = encodings.describe(contents, sample_rate_hz)
    assert description is not None
    encoding, sample_type, rate_hz = description
    clip = schema.Clip(
        *("c", "r", 0.0, 1.0, (), (), -1, None),
        encoded=contents,
        encoding=encoding,
        encoded_type=sample_type,
        encoded_rate_hz=rate_hz,
        encoded_num_samples=num_samples or len(expected_pcm(path, sample_rate_hz)),
        sample_rate_hz=sample_rate_hz,
        num_channels=num_channels,
    )
    return parse_in_graph[num_channels](schema.clip_to_example(clip))["pcm"].numpy()


def expected_pcm(path: pathlib.Path, sample_rate_hz: int = 16000, num_channels: int = 1) -> np.ndarray:
    """int, as from the decoder of files."""
    samples = audio_files.load(path, sample_rate_hz=sample_rate_hz, num_channels=num_channels)
    return to_pcm(samples).astype(int)


def smooth(seconds: float, rate: int, channels: int, highest_hz: float = 6500.0) -> np.ndarray:
    """[L, channels], noise without anything above `highest_hz`, where the two resamplers' filters begin to differ."""
    samples = np.random.default_rng(rate).standard_normal((round(seconds * rate), channels))
    spectrum = np.fft.rfft(samples, axis=0)
    spectrum[np.fft.rfftfreq(len(samples), 1 / rate) > min(highest_hz, 0.4 * rate)] = 0
    fade = np.hanning(len(samples))[:, None]  # begins and ends silent: the two treat the edges differently
    return fade * 0.1 * np.fft.irfft(spectrum, len(samples), axis=0)


# Both decoders round the same floats of the codec, but for the last bits, to steps of 1/32768: one step apart at most.
# Of a lossless codec they round the same numbers by the same rule.
@pytest.mark.parametrize("extension, steps", [("flac", 0), ("mp3", 1), ("ogg", 1)])
def test_codecs_of_a_real_clip(extension: str, steps: int) -> None:
    path = datasets.clips() / f"21100_36_48.{extension}"
    expected = expected_pcm(path)
    assert len(expected) == 160000
    assert np.abs(decoded(path) - expected).max() <= steps


def test_resampled_real_clips() -> None:
    """The filters differ between 7.2 and 8 kHz alone, where they fall off: below 7 kHz both decoders agree.

    Clipping, which differs with the uppermost kilohertz, leaves an error of 0.2 % in the loudest of these clips.
    """
    paths = [datasets.clips() / "R9_ZSCveAHg_7s.wav", *sorted((datasets.esc50_ogg() / "audio").glob("*.ogg"))[:5]]
    for path in paths:
        expected = expected_pcm(path).astype(float)
        samples = decoded(path)
        assert samples.shape == expected.shape
        lower = np.fft.rfftfreq(len(expected), 1 / 16000) < 7000
        error, signal = (np.linalg.norm(np.fft.rfft(part)[lower]) for part in (samples - expected, expected))
        assert error < 0.005 * signal, path


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000])
def test_resampling_is_in_time_and_of_the_right_length(tmp_path: pathlib.Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, smooth(1.2345, rate, 2), rate, subtype="FLOAT")
    expected = expected_pcm(path)
    samples = decoded(path)
    assert samples.shape == expected.shape
    # Stop bands of soxr HQ (-120 dB) and of the Kaiser window of beta 14.8 (-150 dB) leave less than half a step of a
    # signal of 0.1; two roundings can make a step of it.
    assert np.abs(samples - expected).max() <= 1


@pytest.mark.parametrize("rate, target", [(16000, 44100), (44100, 48000), (48000, 8000), (22050, 22050)])
@pytest.mark.parametrize("file_channels", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 2])
def test_other_rates_and_channels(
    tmp_path: pathlib.Path, rate: int, target: int, file_channels: int, channels: int
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, smooth(0.1234, rate, file_channels, 0.3 * target), rate, subtype="FLOAT")
    expected = expected_pcm(path, target, channels)
    samples = decoded(path, sample_rate_hz=target, num_channels=channels)
    assert samples.shape == expected.shape == (len(expected), 2)[:channels]
    assert np.abs(samples - expected).max() <= 1


@pytest.mark.parametrize(
    "extension, subtype, steps",
    [("wav", "PCM_U8", 0), ("wav", "PCM_16", 0), ("wav", "PCM_24", 0), ("wav", "FLOAT", 0)]
    + [("flac", "PCM_S8", 0), ("flac", "PCM_16", 0), ("flac", "PCM_24", 0), ("ogg", "VORBIS", 1), ("mp3", None, 1)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_sample_types(
    tmp_path: pathlib.Path, extension: str, subtype: Optional[str], steps: int, channels: int
) -> None:
    path = tmp_path / f"a.{extension}"
    soundfile.write(path, smooth(0.3, 16000, channels), 16000, subtype=subtype)
    expected = expected_pcm(path)
    assert np.abs(decoded(path) - expected).max() <= steps


def test_padded_or_trimmed_to_the_length_of_the_record(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(100, 0.5), 16000)
    assert decoded(path, 120).tolist() == 100 * [16384] + 20 * [0]
    assert decoded(path, 30).tolist() == 30 * [16384]
    assert decoded(path, 120, num_channels=2).tolist() == 100 * [[16384, 16384]] + 20 * [[0, 0]]


def test_loud_samples_are_clipped(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), 16000, subtype="FLOAT")
    assert decoded(path).tolist() == [-32768, -32768, 0, 32767, 32767]


@pytest.mark.parametrize("subtype, rate", [("DOUBLE", 16000), ("PCM_32", 16000), ("PCM_16", 15999)])
def test_describe_declines_what_the_graph_cannot_decode(tmp_path: pathlib.Path, subtype: str, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), rate, subtype=subtype)
    assert encodings.describe(path.read_bytes(), 16000) is None


def test_describe_declines_a_rate_that_needs_too_many_filters(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), 44100)
    rates = (8000, 16000, 22050, 44100, 48000, 44101)
    assert [rate for rate in rates if encodings.describe(path.read_bytes(), rate) is None] == [44101]


def test_describe_declines_other_bytes() -> None:
    assert encodings.describe(b"text" * 100, 16000) is None


@pytest.mark.parametrize(
    "encoded, encoding, sample_type", [(b"RIFFxx", "wav", "int16"), (b"fLaC", "flac", "int16"), (b"", "aac", "float32")]
)
def test_bytes_that_do_not_decode(encoded: bytes, encoding: str, sample_type: str) -> None:
    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)):
        rate_hz = tf.constant(16000, tf.int64)
        decoding.decode(encoded, encoding, sample_type, rate_hz, rate_hz)
