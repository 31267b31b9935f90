"""Encoded audio inside the graph: the bytes of a WAV, FLAC, MP3 or OGG Vorbis file -> int16 samples.

By tensorflow-io where there is one (`compat`). Its decoders need the type of the samples, and they give no rate: both
are read from the file when the record is written (`encodings.describe`) and stand in the record. Elsewhere the graph
calls soundfile in its own process, so that it does not run in another one (`DECODES_ANYWHERE`).

Channels are treated as in `audio_files`. The resampling is done here: tensorflow-io's resampler (Speex) returns its
result 32 samples late and without its end.
"""

import io
import math
import types
from typing import Callable, Tuple

import numpy as np
import soundfile
import tensorflow as tf

from audioset_triplet import compat
from audioset_triplet.media.encodings import SAMPLE_TYPES
from audioset_triplet.media.pcm import PCM_SCALE

# The interpolation filter of VGGish's resampler (resampy 0.2.2, kaiser_best): a sinc of 64 zero crossings to either
# side, cut off at this part of the lower Nyquist frequency, in a Kaiser window.
_ZERO_CROSSINGS = 64
_ROLLOFF = 0.9475937167399596
_KAISER_BETA = 14.769656459379492

_KINDS = sorted({(container.lower(), sample_type) for (container, _), sample_type in SAMPLE_TYPES.items()})

# Whether a graph that decodes runs in every process, as those of a tf.data service.
DECODES_ANYWHERE = compat.IS_REFERENCE

# Fewest output samples per block of the product below: fewer would copy every input sample many times into blocks.
_FEWEST_PHASES = 128


def decode(
    encoded: tf.Tensor,
    encoding: tf.Tensor,
    sample_type: tf.Tensor,
    rate_hz: tf.Tensor,
    sample_rate_hz: tf.Tensor,
    num_channels: int = 1,
) -> tf.Tensor:
    """Decodes the bytes of one file.

    Args:
        encoded: string [], the file.
        encoding, sample_type: string [], as from `encodings.describe`.
        rate_hz: int64 [], sample rate of the file.
        sample_rate_hz: int64 [], of the result.
        num_channels: of the result.

    Returns:
        int16 [L] of one channel, else [L, num_channels].

    Raises:
        tf.errors.InvalidArgumentError or OutOfRangeError: when run, on bytes that do not decode.
    """
    key = tf.strings.join([encoding, sample_type], ":")
    is_kind = tf.stack([tf.equal(key, ":".join(kind)) for kind in _KINDS])
    known = tf.debugging.Assert(tf.reduce_any(is_kind), ["cannot decode", encoding, sample_type])
    with tf.control_dependencies([known]):
        encoded = tf.identity(encoded)
    library = compat.tensorflow_io()
    if library:
        index = tf.argmax(tf.cast(is_kind, tf.int32), output_type=tf.int32)
        decoded = tf.switch_case(index, [_decoder(library.audio, kind, encoded) for kind in _KINDS])
    else:
        decoded = _decoded_on_the_host(encoded)
    samples = _with_channels(tf.ensure_shape(decoded, [None, None]), num_channels)
    has_rate = tf.equal(rate_hz, sample_rate_hz)
    samples = tf.cond(has_rate, lambda: samples, lambda: _resample(samples, rate_hz, sample_rate_hz))
    pcm = tf.clip_by_value(tf.round(samples * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1)
    pcm = tf.ensure_shape(tf.cast(pcm, tf.int16), [None, num_channels])
    return pcm[:, 0] if num_channels == 1 else pcm


def _with_channels(samples: tf.Tensor, num_channels: int) -> tf.Tensor:
    """float32 [L, any number of channels] -> [L, num_channels]."""
    averaged = tf.tile(tf.reduce_mean(samples, axis=1, keepdims=True), [1, num_channels])
    return tf.cond(tf.equal(tf.shape(samples)[1], num_channels), lambda: samples, lambda: averaged)


def _decoder(decoders: types.ModuleType, kind: Tuple[str, str], encoded: tf.Tensor) -> Callable[[], tf.Tensor]:
    """A branch of the switch: float32 [L, channels] in [-1, 1)."""
    encoding, sample_type = kind
    if encoding == "mp3":
        return lambda: decoders.decode_mp3(encoded)
    if encoding == "ogg":
        return lambda: decoders.decode_vorbis(encoded)
    decode_samples = {"wav": decoders.decode_wav, "flac": decoders.decode_flac}[encoding]
    return lambda: _to_floats(decode_samples(encoded, dtype=tf.dtypes.as_dtype(sample_type)))


def _to_floats(samples: tf.Tensor) -> tf.Tensor:
    """Full scale of each type -> 1.0; eight bits are unsigned around 128."""
    if samples.dtype == tf.float32:
        return samples
    if samples.dtype == tf.uint8:
        return (tf.cast(samples, tf.float32) - 128.0) / 128.0
    return tf.cast(tf.cast(samples, tf.float64) / -float(samples.dtype.min), tf.float32)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)  # errors are TensorFlow's, eagerly too
def _decoded_on_the_host(encoded: tf.Tensor) -> tf.Tensor:
    """float32 [L, channels] in [-1, 1)."""
    return tf.numpy_function(_read, [encoded], tf.float32, stateful=False)


def _read(encoded: bytes) -> np.ndarray:
    try:
        return soundfile.read(io.BytesIO(encoded), dtype="float32", always_2d=True)[0]
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from error  # an InvalidArgumentError of TensorFlow


def _resample(samples: tf.Tensor, rate_hz: tf.Tensor, sample_rate_hz: tf.Tensor) -> tf.Tensor:
    """float32 [L, channels] at `rate_hz` -> [ceil(L * sample_rate_hz / rate_hz), channels], in time with the input.

    With sample_rate_hz / rate_hz = P / Q, every Q input samples give P output samples by the same P filters: one
    product of overlapping blocks of the input with a matrix of P columns.
    """
    divisor = _greatest_common_divisor(rate_hz, sample_rate_hz)
    repeats = 1 + (_FEWEST_PHASES - 1) * divisor // sample_rate_hz
    phases, stride = repeats * sample_rate_hz // divisor, repeats * rate_hz // divisor
    cutoff = tf.minimum(tf.constant(1.0, tf.float64), sample_rate_hz / rate_hz)  # of the input's Nyquist frequency
    half_width = tf.cast(tf.math.ceil(_ZERO_CROSSINGS / cutoff), tf.int64)
    tap = tf.cast(tf.range(-half_width, half_width + stride), tf.float64)
    centre = tf.range(phases) * rate_hz / sample_rate_hz
    filters = tf.cast(cutoff * _kaiser_sinc(cutoff * (tap[:, tf.newaxis] - centre)), tf.float32)

    num_samples, num_channels = tf.shape(samples, tf.int64)[0], tf.shape(samples)[1]
    num_resampled = (num_samples * sample_rate_hz + rate_hz - 1) // rate_hz
    missing = stride - 1 - (num_samples - 1) % stride
    padded = tf.pad(tf.transpose(samples), [[0, 0], [half_width, missing + half_width]])
    blocks = tf.signal.frame(padded, tf.size(tap), tf.cast(stride, tf.int32))
    products = tf.matmul(tf.reshape(blocks, [-1, tf.size(tap)]), filters)
    return tf.transpose(tf.reshape(products, [num_channels, -1]))[:num_resampled]


def _greatest_common_divisor(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """int64 [], by Euclid's algorithm."""
    return tf.while_loop(lambda a, b: b > 0, lambda a, b: (b, a % b), (first, second))[0]


def _kaiser_sinc(crossing: tf.Tensor) -> tf.Tensor:
    """The filter at a distance from its centre, in zero crossings."""
    arch = tf.sqrt(tf.nn.relu(1.0 - tf.square(crossing / _ZERO_CROSSINGS)))
    window = tf.cast(arch > 0, arch.dtype) * tf.math.bessel_i0(_KAISER_BETA * arch) / np.i0(_KAISER_BETA)
    angle = math.pi * _ROLLOFF * crossing
    return _ROLLOFF * window * tf.where(angle == 0, tf.ones_like(angle), tf.sin(angle) / angle)
