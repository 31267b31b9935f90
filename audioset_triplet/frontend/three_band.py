"""The front end of ESResNet (Guzhov et al. 2020, and Hornauer et al. 2021 after them): waveform -> power in decibels,
whose lower, middle and upper third of the frequencies are the three channels of an image.

Source: AndreyGuzhov/ESResNet, model/esresnet.py and its protocols: 44.1 kHz, periodic Blackman-Harris window of 1654
samples (37.5 ms) in the middle of an FFT of 2048, every 561 samples (12.7 ms), frames centred with reflected ends. Of
1025 bins the first 1023 are kept, 341 in a channel. Samples are scaled to those of int16 and the spectrum by
2048^-1/2. Nothing is resized or normalised.

The clip is the window: five seconds for ESC-50, 394 frames; four for UrbanSound8K, 315. Of stereo each channel has
features of its own.

Hornauer et al. write that magnitude and phase are squared. In the code it is the real and the imaginary part, and the
power is their sum.

Departure: powers between 0 and 1e-18 become 1e-18 too. There 0 alone does, and float32 leaves no smaller ones; here a
constant signal would have bins of -300 dB.

Departure: a clip shorter than a window is padded with silence at its end, not with its first and last sample on both
sides, and of a longer clip there are several windows, not the middle one: as everywhere in this project.

Two ways to the spectrum, as in `frontend.log_mel`: `fft`, in float64, and `product`, in float32: a convolution with the
windowed cosines and sines, for devices and formats that have no such FFT.

Shapes: L samples, N frames, F bands (bins of the FFT).
"""

import dataclasses
import functools
import math
import re
from typing import Optional

import numpy as np
import tensorflow as tf

from audioset_triplet.frontend.front_end import FrontEnd, fastest_spectrum

NUM_BAND_CHANNELS = 3

_INT16_SCALE = 32768.0
_LEAST_POWER = 1e-18
# The rounding of int16 is at -18 dB, a sine of full scale at 106 dB.
_DISPLAY_RANGE_DB = (-20.0, 90.0)
# Of the terms of cosines of the four-term Blackman-Harris window of 92 dB (Harris 1978).
_WINDOW_TERMS = (0.35875, -0.48829, 0.14128, -0.01168)
_ID = "threeband"
_LONGEST_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """The numbers of a three-band front end; the defaults are the published ones, for clips of five seconds."""

    sample_rate_hz: int = 44100
    frame_samples: int = 1654  # of the Blackman-Harris window
    frame_hop_samples: int = 561
    fft_samples: int = 2048
    window_samples: int = 220500  # of a clip
    num_channels: int = 1  # of the audio

    @property
    def bands_per_channel(self) -> int:
        return (self.fft_samples // 2 + 1) // NUM_BAND_CHANNELS

    @property
    def id(self) -> str:
        return "-".join([_ID, *map(str, dataclasses.astuple(self))])


# For small machines: a fifth of the values of the published one in the same time.
SMALL = Settings(sample_rate_hz=16000, frame_samples=512, frame_hop_samples=256, fft_samples=512, window_samples=80000)

_BY_NAME = {"three_band": Settings(), "three_band_small": SMALL}
NAMES = tuple(_BY_NAME)
_NAME = re.compile(rf"(?P<name>{'|'.join(NAMES)})(-(?P<seconds>\d+(\.\d+)?)s)?(?P<stereo>-stereo)?")


def settings_of_name(name: str) -> Optional[Settings]:
    """The settings of one of NAMES, perhaps with seconds of a window and channels: three_band, three_band-4s-stereo.

    None: it is no such name, or the window is shorter than a frame or longer than ten minutes.
    """
    match = _NAME.fullmatch(name)
    if not match:
        return None
    settings = _BY_NAME[match["name"]]
    if match["seconds"]:
        samples = round(min(float(match["seconds"]), 2 * _LONGEST_SECONDS) * settings.sample_rate_hz)
        settings = dataclasses.replace(settings, window_samples=samples)
    if match["stereo"]:
        settings = dataclasses.replace(settings, num_channels=2)
    is_usable = settings.frame_samples <= settings.window_samples <= _LONGEST_SECONDS * settings.sample_rate_hz
    return settings if is_usable else None


def settings_of_id(front_end_id: str) -> Optional[Settings]:
    """The inverse of `Settings.id`; None: not such an id."""
    first, *numbers = front_end_id.split("-")
    if first != _ID or len(numbers) != len(dataclasses.fields(Settings)) or not all(map(str.isdecimal, numbers)):
        return None
    return Settings(*map(int, numbers))


@functools.cache
def build(settings: Settings, spectrum: str) -> FrontEnd:
    """The front end; `spectrum` as for `powers`."""
    num_frames = 1 + settings.window_samples // settings.frame_hop_samples
    num_bands = NUM_BAND_CHANNELS * settings.bands_per_channel
    shape = (num_frames, settings.bands_per_channel, NUM_BAND_CHANNELS)
    is_mono = settings.num_channels == 1

    def energies(waveform: tf.Tensor) -> tf.Tensor:
        signals = waveform if is_mono else tf.linalg.matrix_transpose(waveform)  # [..., L, A] -> [..., A, L]
        return powers(signals, settings, spectrum)

    return FrontEnd(
        id=settings.id,
        sample_rate_hz=settings.sample_rate_hz,
        window_samples=settings.window_samples,
        hop_samples=settings.window_samples,
        frame_samples=settings.frame_samples,
        feature_shape=shape if is_mono else (settings.num_channels, *shape),
        energies=energies,
        compress=decibels,
        display_range=_DISPLAY_RANGE_DB,
        num_channels=settings.num_channels,
        band_hz=tuple(band * settings.sample_rate_hz / settings.fft_samples for band in range(num_bands)),
    )


def powers(waveform: tf.Tensor, settings: Settings, spectrum: str) -> tf.Tensor:
    """Powers of the bins that are kept.

    Args:
        waveform: [..., L] in [-1, 1], any floating type; L > fft_samples / 2, which its reflected ends have.
        settings: of the front end.
        spectrum: `fft`, `product`, or `auto` for the faster one here.

    Returns:
        [..., N, F] float32, not negative, N = 1 + floor(L / frame_hop_samples).
    """
    waveform = tf.cast(tf.convert_to_tensor(waveform), tf.float32)
    static_leading, static_samples = waveform.shape[:-1], waveform.shape[-1]
    leading = tf.shape(waveform)[:-1]
    samples = tf.shape(waveform)[-1] if static_samples is None else static_samples
    signals = tf.reshape(waveform, [-1, samples])
    half = settings.fft_samples // 2
    signals = tf.pad(signals, [[0, 0], [half, half]], mode="REFLECT")
    path = {"fft": _fft, "product": _product}[fastest_spectrum() if spectrum == "auto" else spectrum]
    result = path(signals, settings)
    result = tf.reshape(result, tf.concat([leading, tf.shape(result)[1:]], 0))
    num_frames = None if static_samples is None else 1 + static_samples // settings.frame_hop_samples
    return tf.ensure_shape(result, static_leading + [num_frames, NUM_BAND_CHANNELS * settings.bands_per_channel])


def decibels(power: tf.Tensor) -> tf.Tensor:
    """10 log10 of powers, of 1e-18 at least; float32, any shape."""
    return (10.0 / math.log(10.0)) * tf.math.log(tf.maximum(tf.cast(power, tf.float32), _LEAST_POWER))


def window_and_scale(settings: Settings) -> np.ndarray:
    """What the samples in [-1, 1] of a frame are multiplied with, float64 [fft_samples]: window, int16, 2048^-1/2."""
    angles = 2 * np.pi * np.arange(settings.frame_samples) / settings.frame_samples  # periodic
    window = sum(term * np.cos(order * angles) for order, term in enumerate(_WINDOW_TERMS))
    before = (settings.fft_samples - settings.frame_samples) // 2
    window = np.pad(window, (before, settings.fft_samples - settings.frame_samples - before))
    return window * _INT16_SCALE / math.sqrt(settings.fft_samples)


def _fft(signals: tf.Tensor, settings: Settings) -> tf.Tensor:
    """[S, L] -> [S, N, F], in float64: the sidelobes of the window are at -92 dB, near float32's rounding."""
    frames = tf.signal.frame(signals, settings.fft_samples, settings.frame_hop_samples)
    bins = tf.signal.rfft(tf.cast(frames, tf.float64) * window_and_scale(settings))
    bins = bins[..., : NUM_BAND_CHANNELS * settings.bands_per_channel]
    return tf.cast(tf.square(tf.math.real(bins)) + tf.square(tf.math.imag(bins)), tf.float32)


def _product(signals: tf.Tensor, settings: Settings) -> tf.Tensor:
    """[S, L] -> [S, N, F]: frames, window and DFT are one strided convolution."""
    basis = tf.constant(_dft_basis(settings), tf.float32)
    parts = tf.nn.conv1d(signals[..., tf.newaxis], basis[:, tf.newaxis], settings.frame_hop_samples, "VALID")
    real, imaginary = tf.split(parts, 2, axis=-1)
    return tf.square(real) + tf.square(imaginary)


def _dft_basis(settings: Settings) -> np.ndarray:
    """[fft_samples, 2 F], float64: windowed cosines, then sines."""
    bins = np.arange(NUM_BAND_CHANNELS * settings.bands_per_channel)
    # The remainder keeps the angles exact: products reach two million.
    steps = np.outer(np.arange(settings.fft_samples), bins) % settings.fft_samples
    angles = 2 * np.pi * steps / settings.fft_samples
    return window_and_scale(settings)[:, np.newaxis] * np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)
