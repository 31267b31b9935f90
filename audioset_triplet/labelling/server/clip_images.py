"""The waveform and the mel spectrogram of an excerpt as PNGs, and the marks of their axes.

The images have no axes of their own: the page writes the marks beside them, so that they follow its size and colours.

Shapes: L samples, T columns of an image, F bands.
"""

import io
from typing import Any, Dict, List

import numpy as np
from PIL import Image

from audioset_triplet.labelling.server.clip_audio import Excerpt
from audioset_triplet.reports import colour_map

_MOST_COLUMNS = 1200
_BANDS = 160
_WAVEFORM_HEIGHT = 96
_FRAME_SECONDS = 0.04
_COLUMNS_PER_FRAME = 8  # of a short excerpt
_MOST_FRAMES_PER_COLUMN = 4  # of a long one, the loudest of which is shown
_RANGE_DECIBELS = 75.0  # below the loudest band, where black begins
_FLOOR = 1e-10  # power of silence
_FREQUENCIES_HZ = [125 * 2.0**octave for octave in range(8)]  # that are marked, where there is room
_TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_TIME_TICKS = 10


def waveform(excerpt: Excerpt) -> bytes:
    """White between the lowest and the highest sample of each column, transparent elsewhere: a mask for any colour."""
    columns = max(1, min(_MOST_COLUMNS, len(excerpt.samples)))
    samples = excerpt.samples if len(excerpt.samples) else np.zeros(1, np.float32)
    firsts = np.linspace(0, len(samples), columns, endpoint=False).astype(int)
    low, high = (function.reduceat(samples, firsts) for function in (np.minimum, np.maximum))
    peak = max(float(np.abs(samples).max()), 1e-9)
    middle = (_WAVEFORM_HEIGHT - 1) / 2
    rows = np.arange(_WAVEFORM_HEIGHT)[:, None]
    top, bottom = (np.round(middle - edge / peak * middle) for edge in (high, low))
    alpha = np.where((rows >= top) & (rows <= bottom), 255, 0).astype(np.uint8)
    image = Image.merge("LA", (Image.new("L", (columns, _WAVEFORM_HEIGHT), 255), Image.fromarray(alpha)))
    return _png(image)


def spectrogram(excerpt: Excerpt, low_hz: float, high_hz: float) -> bytes:
    """The mel spectrogram, low frequencies below, in decibels below the loudest band."""
    decibels = mel_decibels(excerpt, low_hz, high_hz)
    loudest = max(float(decibels.max()), -60.0)  # silence stays black
    return colour_map.png((decibels.T[::-1] - loudest + _RANGE_DECIBELS) / _RANGE_DECIBELS, "magma")


def mel_decibels(excerpt: Excerpt, low_hz: float, high_hz: float) -> np.ndarray:
    """[T, F]: the power of bands that are evenly spaced on the mel scale, in decibels; column t is at t / T.

    A band is a triangle that is at least one bin of the spectrum wide, so that no band is empty.
    """
    frame = 1 << int(np.log2(max(64, _FRAME_SECONDS * excerpt.sample_rate_hz)))
    samples = np.pad(excerpt.samples, frame // 2)
    span = len(samples) - frame
    columns = max(1, min(_MOST_COLUMNS, span * _COLUMNS_PER_FRAME // frame))
    per_column = int(np.clip(span / columns / frame, 1, _MOST_FRAMES_PER_COLUMN))
    starts = np.linspace(0, span, columns * per_column, endpoint=False).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(samples, frame)[starts]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(frame).astype(np.float32), axis=1)).astype(np.float32) ** 2
    bands = spectrum / (frame / 4) ** 2 @ mel_weights(excerpt.sample_rate_hz, frame, low_hz, high_hz).T
    loudest = bands.reshape(columns, per_column, -1).max(axis=1)
    return 10 * np.log10(np.maximum(loudest, _FLOOR))


def mel_weights(sample_rate_hz: int, frame: int, low_hz: float, high_hz: float) -> np.ndarray:
    """[F, bins]: the share of each bin in each band, which add up to 1 in a band."""
    bins_hz = np.fft.rfftfreq(frame, 1 / sample_rate_hz)
    edges_hz = _hz(np.linspace(_mel(low_hz), _mel(high_hz), _BANDS + 2))
    width_hz = bins_hz[1]
    below, middle, above = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = 1 - (middle - bins_hz) / np.maximum(middle - below, width_hz)
    falling = 1 - (bins_hz - middle) / np.maximum(above - middle, width_hz)
    weights = np.maximum(0, np.minimum(rising, falling))
    return (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)


def frequency_ticks(low_hz: float, high_hz: float) -> List[Dict[str, Any]]:
    """Marks of the frequency axis: text, and place from 0 (bottom) to 1 (top)."""
    span = _mel(high_hz) - _mel(low_hz)
    marked = [hz for hz in (low_hz, *_FREQUENCIES_HZ, high_hz) if low_hz <= hz <= high_hz]
    ticks: List[Dict[str, Any]] = []
    for hz in sorted(set(marked), key=lambda hz: (hz not in (low_hz, high_hz), hz)):  # the ends are always marked
        place = float((_mel(hz) - _mel(low_hz)) / span)
        if all(abs(place - tick["place"]) > 0.09 for tick in ticks):
            ticks.append({"text": f"{hz:g} Hz" if hz < 1000 else f"{hz / 1000:g} kHz", "place": place})
    return sorted(ticks, key=lambda tick: tick["place"])


def time_ticks(excerpt: Excerpt) -> List[Dict[str, Any]]:
    """Marks of the time axis, in seconds of the clip: text, and place from 0 to 1."""
    seconds = max(excerpt.seconds, 1e-3)
    step = next((step for step in _TICK_SECONDS if seconds / step <= _MOST_TIME_TICKS), 2 * _TICK_SECONDS[-1])
    first = int(np.ceil(round(excerpt.start_seconds / step, 6)))
    last = int(np.floor(round((excerpt.start_seconds + seconds) / step, 6)))
    return [
        {"text": _time_text(number * step), "place": (number * step - excerpt.start_seconds) / seconds}
        for number in range(first, last + 1)
    ]


def _time_text(seconds: float) -> str:
    if seconds < 60:
        return f"{round(seconds, 3):g} s"
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}".rstrip("0").rstrip(".")


def _mel(hz: Any) -> Any:
    """HTK's mel scale."""
    return 1127 * np.log1p(np.asarray(hz) / 700)


def _hz(mel: np.ndarray) -> np.ndarray:
    return 700 * np.expm1(mel / 1127)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()
