"""Encoded sound inside the graph: the bytes of a WAV, FLAC, MP3 or OGG Vorbis file -> int16 mono at 16 kHz.

The only module that imports tensorflow-io. Its decoders must be told the type of the samples, and they give no rate:
both are read from the file when the record is written (`encodings.describe`) and stand in the record.

The resampling is done here: tensorflow-io's resampler (Speex) returns its result 32 samples late and without its end.
"""

import math
from typing import Callable, Tuple

import numpy as np
import tensorflow as tf
import tensorflow_io as tfio

from audioset_triplet.frontend.constants import PCM_SCALE, SAMPLE_RATE_HZ
from audioset_triplet.media.encodings import SAMPLE_TYPES

# The interpolation filter of VGGish's resampler (resampy 0.2.2, kaiser_best): a sinc of 64 zero crossings to either
# side, cut off at this part of the lower Nyquist frequency, in a Kaiser window.
_ZERO_CROSSINGS = 64
_ROLLOFF = 0.9475937167399596
_KAISER_BETA = 14.769656459379492

_RATE_DIVISORS = [divisor for divisor in range(1, SAMPLE_RATE_HZ + 1) if SAMPLE_RATE_HZ % divisor == 0]
# Fewest output samples per block of the product below: fewer would copy every input sample many times into blocks.
_FEWEST_PHASES = 128


def decode(encoded: tf.Tensor, encoding: tf.Tensor, sample_type: tf.Tensor, rate_hz: tf.Tensor) -> tf.Tensor:
    """Decodes the bytes of one file.

    Args:
        encoded: string [], the file.
        encoding, sample_type: string [], as from `encodings.describe`.
        rate_hz: int64 [].

    Returns:
        int16 [L]: 16 kHz, channels averaged before the resampling.

    Raises:
        tf.errors.InvalidArgumentError or OutOfRangeError: when run, on bytes that do not decode.
    """
    kinds = sorted({(container.lower(), sample_type) for (container, _), sample_type in SAMPLE_TYPES.items()})
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
    """float32 [L] at `rate_hz` -> [ceil(L * 16000 / rate_hz)] at 16 kHz, in time with the input.

    With 16000 / rate_hz = P / Q, every Q input samples give P output samples by the same P filters: one product of
    overlapping blocks of the input with a matrix of P columns.
    """
    divisors = tf.constant(_RATE_DIVISORS, tf.int64)
    divisor = tf.reduce_max(tf.where(rate_hz % divisors == 0, divisors, 1))
    repeats = 1 + (_FEWEST_PHASES - 1) * divisor // SAMPLE_RATE_HZ
    phases, stride = repeats * SAMPLE_RATE_HZ // divisor, repeats * rate_hz // divisor
    cutoff = tf.minimum(tf.constant(1.0, tf.float64), SAMPLE_RATE_HZ / rate_hz)  # of the input's Nyquist frequency
    half_width = tf.cast(tf.math.ceil(_ZERO_CROSSINGS / cutoff), tf.int64)
    tap = tf.cast(tf.range(-half_width, half_width + stride), tf.float64)
    centre = tf.range(phases) * rate_hz / SAMPLE_RATE_HZ
    filters = cutoff * _kaiser_sinc(cutoff * (tap[:, tf.newaxis] - centre))

    num_samples = tf.size(waveform, tf.int64)
    num_resampled = (num_samples * SAMPLE_RATE_HZ + rate_hz - 1) // rate_hz
    missing = stride - 1 - (num_samples - 1) % stride
    padded = tf.pad(waveform, [[half_width, missing + half_width]])
    blocks = tf.signal.frame(padded, tf.size(tap), tf.cast(stride, tf.int32))
    return tf.reshape(tf.matmul(blocks, tf.cast(filters, tf.float32)), [-1])[:num_resampled]


def _kaiser_sinc(crossing: tf.Tensor) -> tf.Tensor:
    """The filter at a distance from its centre that is given in zero crossings."""
    arch = tf.sqrt(tf.nn.relu(1.0 - tf.square(crossing / _ZERO_CROSSINGS)))
    window = tf.cast(arch > 0, arch.dtype) * tf.math.bessel_i0(_KAISER_BETA * arch) / np.i0(_KAISER_BETA)
    angle = math.pi * _ROLLOFF * crossing
    return _ROLLOFF * window * tf.where(angle == 0, tf.ones_like(angle), tf.sin(angle) / angle)
