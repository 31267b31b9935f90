"""Encoded sound inside the graph: the bytes of a WAV, FLAC, MP3 or OGG Vorbis file -> int16 mono at 16 kHz.

The only module that imports tensorflow-io. Its decoders must be told the type of the samples, and they give no rate:
both are read from the file when the record is written (`describe`) and stand in the record.

Departure from `audio_files`: the resampler is the Speex one of tensorflow-io, not soxr. It lags by 32 samples (64 and
more when it raises the rate), which is undone here to within half a sample.
"""

import io
from typing import Callable, Dict, Optional, Tuple

import soundfile
import tensorflow as tf
import tensorflow_io as tfio

from audioset_triplet.frontend.constants import PCM_SCALE, SAMPLE_RATE_HZ

# Half the length of the Speex filter in samples of the lower of the two rates [measured: lags of 32.0 at 96, 48, 32
# and 24 kHz, 31.9 at 44.1 kHz, 46.4 at 11.025 kHz, 64.0 at 8 kHz].
_HALF_FILTER_SAMPLES = 32

# What tensorflow-io decodes rightly. 32-bit integer WAV is not here: it is taken for floats. 64-bit WAV is refused.
_SAMPLE_TYPES: Dict[Tuple[str, str], str] = {
    ("WAV", "PCM_U8"): "uint8",
    ("WAV", "PCM_16"): "int16",
    ("WAV", "PCM_24"): "int32",
    ("WAV", "FLOAT"): "float32",
    ("FLAC", "PCM_S8"): "uint8",
    ("FLAC", "PCM_16"): "int16",
    ("FLAC", "PCM_24"): "int32",
    ("MP3", "MPEG_LAYER_III"): "float32",
    ("OGG", "VORBIS"): "float32",
}


def describe(encoded: bytes) -> Optional[Tuple[str, str, int]]:
    """(encoding, type of its samples, rate in Hz) of a file's bytes; None if the graph cannot decode them.

    The encoding is `wav`, `flac`, `mp3` or `ogg`.
    """
    try:
        info = soundfile.info(io.BytesIO(encoded))
    except soundfile.LibsndfileError:
        return None
    container = {"WAVEX": "WAV", "MPEG": "MP3"}.get(info.format, info.format)
    sample_type = _SAMPLE_TYPES.get((container, info.subtype))
    return (container.lower(), sample_type, info.samplerate) if sample_type else None


def decode(encoded: tf.Tensor, encoding: tf.Tensor, sample_type: tf.Tensor, rate_hz: tf.Tensor) -> tf.Tensor:
    """Decodes the bytes of one file.

    Args:
        encoded: string [], the file.
        encoding, sample_type: string [], as from `describe`.
        rate_hz: int64 [].

    Returns:
        int16 [L]: 16 kHz, channels averaged before the resampling.

    Raises:
        tf.errors.InvalidArgumentError: when run, on bytes that do not decode.
    """
    kinds = sorted({(container.lower(), sample_type) for (container, _), sample_type in _SAMPLE_TYPES.items()})
    key = tf.strings.join([encoding, sample_type], ":")
    is_kind = tf.stack([tf.equal(key, ":".join(kind)) for kind in kinds])
    known = tf.debugging.Assert(tf.reduce_any(is_kind), ["cannot decode", encoding, sample_type])
    with tf.control_dependencies([known]):
        index = tf.argmax(tf.cast(is_kind, tf.int32), output_type=tf.int32)
    channels = tf.switch_case(index, [_decoder(kind, encoded) for kind in kinds])
    mono = tf.reduce_mean(tf.ensure_shape(channels, [None, None]), axis=1)
    waveform = tf.cond(tf.equal(rate_hz, SAMPLE_RATE_HZ), lambda: mono, lambda: _resample(mono, rate_hz))
    pcm = tf.clip_by_value(tf.round(waveform * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1)
    return tf.ensure_shape(tf.cast(pcm, tf.int16), [None])


def _decoder(kind: Tuple[str, str], encoded: tf.Tensor) -> Callable[[], tf.Tensor]:
    """A branch of the switch: float32 [L, channels] in [-1, 1)."""
    encoding, sample_type = kind
    if encoding == "mp3":
        return lambda: tfio.audio.decode_mp3(encoded)
    if encoding == "ogg":
        return lambda: tfio.audio.decode_vorbis(encoded)
    decode_samples = {"wav": tfio.audio.decode_wav, "flac": tfio.audio.decode_flac}[encoding]
    return lambda: _to_floats(decode_samples(encoded, dtype=tf.dtypes.as_dtype(sample_type)))


def _to_floats(samples: tf.Tensor) -> tf.Tensor:
    """Full scale of each type -> 1.0; eight bits are unsigned around 128."""
    if samples.dtype == tf.float32:
        return samples
    if samples.dtype == tf.uint8:
        return (tf.cast(samples, tf.float32) - 128.0) / 128.0
    return tf.cast(tf.cast(samples, tf.float64) / -float(samples.dtype.min), tf.float32)


def _resample(waveform: tf.Tensor, rate_hz: tf.Tensor) -> tf.Tensor:
    """float32 [L] at `rate_hz` -> [ceil(L * 16000 / rate_hz)] at 16 kHz, in time with the input."""
    ratio = SAMPLE_RATE_HZ / tf.cast(rate_hz, tf.float64)
    num_samples = tf.cast(tf.math.ceil(tf.cast(tf.size(waveform), tf.float64) * ratio), tf.int32)
    lag = tf.cast(tf.round(_HALF_FILTER_SAMPLES * tf.maximum(ratio, 1.0)), tf.int32)
    flush = tf.cast(tf.math.ceil(tf.cast(lag, tf.float64) / ratio), tf.int32) + 1
    padded = tf.pad(waveform, [[0, flush]])[:, tf.newaxis]
    resampled = tfio.audio.resample(padded, rate_in=rate_hz, rate_out=tf.constant(SAMPLE_RATE_HZ, tf.int64))
    return resampled[lag : lag + num_samples, 0]
