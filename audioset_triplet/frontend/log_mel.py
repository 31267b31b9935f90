"""The log-mel front end of VGGish: waveform -> mel energies -> log-mel -> windows, in float32.

Source: tensorflow/models, research/audioset/vggish, by the group that wrote the papers; 96 frames by 64 bands is also
on the slides of Jansen et al. 2018.

Two ways to the magnitude spectrum share one set of constants:

* `fft`: the fastest on a CPU. The butterflies run in float64: in float32 their rounding (1e-7 of the strongest bin)
  shows in the quiet bands of a full-scale tone as an error of up to 4.4e-4 in the log-mel, in float64 as less than
  1e-4, the rest being the rounding of the windowed samples.
* `product`: a DFT by strided convolution with the windowed cosines and sines, for devices and formats that have no
  FFT (TPU, TFLite, ONNX).

Shapes: L samples, N frames, F = 64 mel bands, W windows, T = 96 frames of a window.
"""

import functools
import math
from typing import Callable, Dict, List, Tuple

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend.front_end import FrontEnd, fastest_spectrum

SAMPLE_RATE_HZ = 16000
FRAME_SAMPLES = 400  # 25 ms
FRAME_HOP_SAMPLES = 160  # 10 ms
FFT_SAMPLES = 512
NUM_BINS = FFT_SAMPLES // 2 + 1
NUM_BANDS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
LOG_OFFSET = 0.01

WINDOW_FRAMES = 96
WINDOW_HOP_SAMPLES = WINDOW_FRAMES * FRAME_HOP_SAMPLES  # windows do not overlap: 0.96 s
WINDOW_SAMPLES = WINDOW_HOP_SAMPLES + FRAME_SAMPLES - FRAME_HOP_SAMPLES  # samples that 96 frames cover: 15600

_ID = (
    f"logmel-{SAMPLE_RATE_HZ}-{FRAME_SAMPLES}-{FRAME_HOP_SAMPLES}-{FFT_SAMPLES}-{NUM_BANDS}"
    f"-{LOWEST_HZ:g}-{HIGHEST_HZ:g}-{LOG_OFFSET:g}-{WINDOW_FRAMES}"
)
_LOUD = 3.0  # the log-mel of loud audio, at the bright end of a spectrogram's colours

# The FFT path works through its frames in blocks, whose intermediate results stay in the processor's cache.
_BLOCK_FRAMES = 256
_HOPS_BEYOND_FRAMES = math.ceil(FRAME_SAMPLES / FRAME_HOP_SAMPLES) - 1  # of N hops, to N frames: 2
_HOPS_PER_FFT = math.ceil(FFT_SAMPLES / FRAME_HOP_SAMPLES)  # 4


def build(spectrum: str = "auto") -> FrontEnd:
    """The front end; `spectrum` as for `mel_energies`."""

    def energies(waveform: tf.Tensor) -> tf.Tensor:
        return mel_energies(waveform, spectrum)

    return FrontEnd(
        id=_ID,
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_samples=WINDOW_SAMPLES,
        hop_samples=WINDOW_HOP_SAMPLES,
        frame_samples=FRAME_SAMPLES,
        feature_shape=(WINDOW_FRAMES, NUM_BANDS),
        energies=energies,
        compress=log_mel,
        display_range=(math.log(LOG_OFFSET), _LOUD),
        band_hz=tuple(band_peaks_hz()),
        cut=lambda waveform, hop_samples: cut_windows(  # each frame once, even if windows overlap
            log_mel(energies(waveform)), hop_samples // FRAME_HOP_SAMPLES
        ),
        hop_unit_samples=FRAME_HOP_SAMPLES,
    )


@functools.cache
def mel_matrix() -> np.ndarray:
    """The weights [257, F], float64, from magnitude bins to mel bands.

    HTK mel scale, triangles that are linear in mel with peak 1 and no area normalisation, DC excluded (VGGish,
    mel_features.py).
    """
    with tf.init_scope():  # a constant, also where a graph is being traced
        return tf.signal.linear_to_mel_weight_matrix(
            NUM_BANDS,
            NUM_BINS,
            SAMPLE_RATE_HZ,
            LOWEST_HZ,
            HIGHEST_HZ,
            dtype=tf.float64,
        ).numpy()


def band_peaks_hz() -> List[float]:
    """The frequency of each band's peak: evenly spaced on the HTK mel scale, 1127 ln(1 + f / 700 Hz)."""
    lowest, highest = (1127 * math.log1p(hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    step = (highest - lowest) / (NUM_BANDS + 1)
    return [700 * math.expm1((lowest + step * (band + 1)) / 1127) for band in range(NUM_BANDS)]


def hann_window() -> np.ndarray:
    """The periodic Hann window [400], float64."""
    phase = 2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES
    return 0.5 - 0.5 * np.cos(phase)


def mel_energies(waveform: tf.Tensor, spectrum: str = "auto") -> tf.Tensor:
    """Linear mel energies (magnitude, not power).

    Args:
        waveform: [..., L] at 16 kHz in [-1, 1], any floating type; L >= 400.
        spectrum: `fft`, `product`, or `auto` for the faster one here.

    Returns:
        [..., N, F] float32, N = 1 + floor((L - 400) / 160): frames are neither centred nor padded.
    """
    waveform = tf.cast(tf.convert_to_tensor(waveform), tf.float32)
    static_leading, static_samples = waveform.shape[:-1], waveform.shape[-1]
    leading = tf.shape(waveform)[:-1]
    signals = tf.reshape(waveform, [-1, tf.shape(waveform)[-1] if static_samples is None else static_samples])
    energies = _PATHS[fastest_spectrum() if spectrum == "auto" else spectrum](signals)
    energies = tf.reshape(energies, tf.concat([leading, tf.shape(energies)[1:]], 0))
    num_frames = None
    if static_samples is not None:
        num_frames = 1 + (static_samples - FRAME_SAMPLES) // FRAME_HOP_SAMPLES
    return tf.ensure_shape(energies, static_leading + [num_frames, NUM_BANDS])


def log_mel(energies: tf.Tensor) -> tf.Tensor:
    """Natural log(energies + 0.01), float32, any shape."""
    return tf.math.log(tf.cast(energies, tf.float32) + LOG_OFFSET)


def cut_windows(frames: tf.Tensor, hop_frames: int = WINDOW_FRAMES) -> tf.Tensor:
    """[..., N, F] -> [..., W, T, F], a window every so many frames; an incomplete last one is dropped."""
    frames = tf.convert_to_tensor(frames)
    if hop_frames != WINDOW_FRAMES:
        return tf.signal.frame(frames, WINDOW_FRAMES, hop_frames, axis=-2)
    static_frames = frames.shape[-2]
    count = (tf.shape(frames)[-2] if static_frames is None else static_frames) // WINDOW_FRAMES
    whole = frames[..., : count * WINDOW_FRAMES, :]
    window = [WINDOW_FRAMES, NUM_BANDS]
    windows = tf.reshape(whole, tf.concat([tf.shape(frames)[:-2], [count], window], 0))
    static_count = None if static_frames is None else count
    return tf.ensure_shape(windows, frames.shape[:-2] + [static_count] + window)


def _fft_energies(signals: tf.Tensor) -> tf.Tensor:
    """[S, L] -> [S, N, F], in blocks of frames (see _BLOCK_FRAMES).

    The hops of all signals lie in one list, so that blocks know no signals and a frame is four hops that follow each
    other (`tf.signal.frame` would gather it in five pieces). The two frames in which a signal runs into the next are
    computed too, and dropped.
    """
    samples = signals.shape[1] or tf.shape(signals)[1]
    num_frames = 1 + (samples - FRAME_SAMPLES) // FRAME_HOP_SAMPLES
    hops_per_signal = num_frames + _HOPS_BEYOND_FRAMES
    num_samples = hops_per_signal * FRAME_HOP_SAMPLES
    hops = tf.pad(signals, [[0, 0], [0, tf.maximum(0, num_samples - samples)]])[:, :num_samples]
    hops = tf.reshape(hops, [-1, FRAME_HOP_SAMPLES])
    count = tf.shape(hops)[0]
    hops = tf.pad(hops, [[0, _HOPS_PER_FFT - 1], [0, 0]])
    # Only a processor has such a cache; elsewhere everything is one block.
    block = tf.where(tf.equal(tf.raw_ops.DeviceIndex(device_names=["CPU"]), 0), _BLOCK_FRAMES, count)

    def compute(start: tf.Tensor, blocks: tf.TensorArray) -> Tuple[tf.Tensor, tf.TensorArray]:
        part = hops[start : tf.minimum(start + block, count) + _HOPS_PER_FFT - 1]
        return start + block, blocks.write(start // block, _fft_energies_of_block(part))

    # Not a Python loop, which only works where AutoGraph has converted everything that leads here.
    blocks = tf.TensorArray(tf.float32, size=(count + block - 1) // block, infer_shape=False)
    _, blocks = tf.while_loop(lambda start, _: start < count, compute, (tf.constant(0), blocks))
    return tf.reshape(blocks.concat(), [-1, hops_per_signal, NUM_BANDS])[:, :num_frames]


def _fft_energies_of_block(hops: tf.Tensor) -> tf.Tensor:
    """[N + 3, 160] -> [N, F]; N frames, one of which begins at each of the first N hops."""
    count = tf.shape(hops)[0] - (_HOPS_PER_FFT - 1)
    beyond = _HOPS_PER_FFT * FRAME_HOP_SAMPLES - FFT_SAMPLES
    parts = [hops[index : index + count] for index in range(_HOPS_PER_FFT)]
    parts[-1] = parts[-1][:, : FRAME_HOP_SAMPLES - beyond]
    # Zeros in the window pad the frame to the length of the FFT: told to pad itself, the FFT copies everything.
    window = np.pad(hann_window(), [0, FFT_SAMPLES - FRAME_SAMPLES])
    windowed = tf.concat(parts, axis=1) * tf.constant(window, tf.float32)
    bins = tf.cast(tf.signal.rfft(tf.cast(windowed, tf.float64)), tf.complex64)
    return _energies_of(tf.math.real(bins), tf.math.imag(bins))


def _product_energies(signals: tf.Tensor) -> tf.Tensor:
    """[S, L] -> [S, N, F]: frames, window and DFT are one strided convolution."""
    samples, bins = np.arange(FRAME_SAMPLES), np.arange(NUM_BINS)
    angles = 2 * np.pi * np.outer(samples, bins) / FFT_SAMPLES
    basis = hann_window()[:, None] * np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)
    parts = tf.nn.conv1d(
        signals[..., tf.newaxis], tf.constant(basis[:, None, :], tf.float32), FRAME_HOP_SAMPLES, "VALID"
    )
    return _energies_of(*tf.split(parts, 2, axis=-1))


def _energies_of(real: tf.Tensor, imaginary: tf.Tensor) -> tf.Tensor:
    magnitudes = tf.sqrt(tf.square(real) + tf.square(imaginary))
    return tf.matmul(magnitudes, tf.constant(mel_matrix(), tf.float32))


_PATHS: Dict[str, Callable[[tf.Tensor], tf.Tensor]] = {"fft": _fft_energies, "product": _product_energies}
