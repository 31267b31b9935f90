"""A part of a clip as an image: waveform, spectrogram, and the scores of some classes as a row of colours for each.

All have one time axis, so that what is heard can be followed through them.

Shapes: L samples, W windows, K classes that are shown.
"""

import dataclasses
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.reports import images, wording

# In inches.
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 12.0, 2.1, 0.9, 0.12, 0.5, 0.12
_WAVEFORM, _SPECTROGRAM, _ROW = 0.8, 2.1, 0.32
_SCALE_GAP, _SCALE_WIDTH = 0.12, 0.1
_DOTS_PER_INCH = 120
_NUM_COLOURS = 255  # of the PNG
_FONT_SIZE = 10

_INK, _SOFT, _WAVE = "#1c1f24", "#5c636e", "#0f766e"
_SCORES = LinearSegmentedColormap.from_list("scores", ["#f3f1eb", "#8fd0c6", "#0f766e", "#04332f"])
_TEXT_INCHES = 0.36  # narrower cells have no number
_LEAST_NUMBER = 0.005  # nor have cells of a lower score
_LONGEST_NAME = 24  # characters
_FREQUENCIES_HZ = [125 * 2.0**octave for octave in range(-1, 8)]  # that are marked
_TICK_GAP = 0.055  # between two of them, as a share of the height
_MOST_COLUMNS = 600  # of an overview
_TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_MOST_TICKS = 10

# Where the time axis begins and ends, in shares of the width.
TIME_AXIS = (_LEFT / _WIDTH, 1 - _RIGHT / _WIDTH)


@dataclasses.dataclass(frozen=True)
class ScoreRows:
    """The scores of K classes in the W windows of a clip.

    Attributes:
        names: [K], the uppermost first.
        start_seconds: [W], from the start of the clip.
        scores: [W, K], from 0 to 1.
        window_seconds: length of a window.
        hop_seconds: from the start of a window to that of the next.
    """

    names: Sequence[str]
    start_seconds: np.ndarray
    scores: np.ndarray
    window_seconds: float
    hop_seconds: float

    @property
    def end_seconds(self) -> float:
        """Where the last cell ends."""
        return float(self.edges()[-1])

    def edges(self) -> np.ndarray:
        """[W + 1], where the cell of each window begins, and where the last one ends."""
        end = self.start_seconds[-1] + min(self.window_seconds, self.hop_seconds)
        return np.append(self.start_seconds, end)


def draw(waveform: np.ndarray, start_seconds: float, front_end: FrontEnd, rows: ScoreRows) -> bytes:
    """A part of a clip as a PNG: waveform, spectrogram and scores.

    Args:
        waveform: the part, mono [L] at the rate of the front end, in [-1, 1].
        start_seconds: where it begins in the clip.
        front_end: of the spectrogram.
        rows: the scores of the whole clip.
    """
    span = (start_seconds, start_seconds + max(len(waveform), 1) / front_end.sample_rate_hz)
    canvas = _Canvas([_WAVEFORM, _SPECTROGRAM, _ROW * len(rows.names)], span, rows.end_seconds > 60)
    _draw_waveform(canvas.axes[0], waveform, canvas.span)
    _draw_spectrogram(canvas, canvas.axes[1], waveform, front_end)
    _draw_rows(canvas, canvas.axes[2], rows)
    return canvas.png()


def overview(rows: ScoreRows, end_seconds: float) -> bytes:
    """The scores of a whole clip as a PNG; of a long one, each column is the highest score of several windows."""
    step = -(-len(rows.start_seconds) // _MOST_COLUMNS)
    firsts = np.arange(0, len(rows.start_seconds), step)
    pooled = dataclasses.replace(
        rows, start_seconds=rows.start_seconds[firsts], scores=np.maximum.reduceat(rows.scores, firsts, axis=0)
    )
    canvas = _Canvas([_ROW * len(rows.names)], (0.0, end_seconds), end_seconds > 60)
    _draw_rows(canvas, canvas.axes[0], pooled)
    return canvas.png()


class _Canvas:
    """Axes below each other that share the time axis."""

    def __init__(self, heights: Sequence[float], span: Tuple[float, float], has_minutes: bool) -> None:
        self.span = span
        self._height = _TOP + sum(heights) + _GAP * (len(heights) - 1) + _BOTTOM
        self.figure = Figure(figsize=(_WIDTH, self._height), dpi=_DOTS_PER_INCH, layout=None, facecolor="white")
        self.axes: List[Axes] = []
        top = self._height - _TOP
        for height in heights:
            self.axes.append(self._add_axes(_LEFT, top - height, _WIDTH - _LEFT - _RIGHT, height))
            top -= height + _GAP
        for axes in self.axes:
            axes.set_xlim(*span)
            axes.tick_params(labelsize=_FONT_SIZE, labelbottom=axes is self.axes[-1], color=_SOFT, labelcolor=_INK)
            axes.xaxis.set_major_locator(MultipleLocator(_tick_seconds(span[1] - span[0])))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _time_text(seconds, has_minutes)))
            for spine in axes.spines.values():
                spine.set_visible(False)
        self.axes[-1].set_xlabel("minutes:seconds" if has_minutes else "seconds", fontsize=_FONT_SIZE, color=_SOFT)

    def _add_axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        shares = (left / _WIDTH, bottom / self._height, width / _WIDTH, height / self._height)
        return self.figure.add_axes(shares)

    def inches(self, seconds: float) -> float:
        """How wide a time is drawn."""
        return seconds / (self.span[1] - self.span[0]) * (_WIDTH - _LEFT - _RIGHT)

    def add_scale(self, axes: Axes, drawn: Any, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """The scale of the colours on the right of some axes."""
        box = axes.get_position()
        left = _WIDTH - _RIGHT + _SCALE_GAP
        place = self._add_axes(left, box.y0 * self._height, _SCALE_WIDTH, box.height * self._height)
        bar = self.figure.colorbar(drawn, cax=place, ticks=list(ticks))
        texts = bar.ax.set_yticklabels(labels, fontsize=_FONT_SIZE - 1, color=_SOFT)
        texts[0].set_verticalalignment("bottom")  # so that they stay beside the scale
        texts[-1].set_verticalalignment("top")
        bar.ax.tick_params(length=0)
        bar.outline.set_visible(False)

    def png(self) -> bytes:
        return images.of_figure(self.figure, _NUM_COLOURS)


def _draw_waveform(axes: Axes, waveform: np.ndarray, span: Tuple[float, float]) -> None:
    """The lowest and the highest sample of each column of pixels, as loud as the loudest fills the height."""
    columns = min(len(waveform), round((_WIDTH - _LEFT - _RIGHT) * _DOTS_PER_INCH))
    peak = float(np.abs(waveform).max(initial=0.0))
    if columns:
        firsts = np.linspace(0, len(waveform), columns, endpoint=False).astype(int)
        low, high = (function.reduceat(waveform, firsts) for function in (np.minimum, np.maximum))
        times = np.linspace(*span, columns, endpoint=False)
        axes.fill_between(times, low, high, color=_WAVE, linewidth=0.6)
    axes.set_ylim(-1.05 * (peak or 1), 1.05 * (peak or 1))
    axes.set_yticks([])
    decibels = f"peak {round(20 * np.log10(peak))} dB" if peak > 0 else "silence"
    axes.set_ylabel(decibels, fontsize=_FONT_SIZE, color=_SOFT, rotation=0, ha="right", va="center", labelpad=8)
    axes.tick_params(bottom=False)


def _draw_spectrogram(canvas: _Canvas, axes: Axes, waveform: np.ndarray, front_end: FrontEnd) -> None:
    spectrogram = images.spectrogram_of(waveform, front_end)
    quiet, loud = front_end.display_range
    extent = (*canvas.span, -0.5, spectrogram.shape[1] - 0.5)
    drawn = axes.imshow(
        spectrogram.T, origin="lower", aspect="auto", cmap="magma", vmin=quiet, vmax=loud, extent=extent
    )
    axes.set_xlim(*canvas.span)
    ticks = frequency_ticks(front_end.band_hz)
    if ticks:
        axes.set_yticks(list(ticks.values()))
        axes.set_yticklabels([wording.frequency(hz) for hz in ticks])
    else:
        axes.set_ylabel("band", fontsize=_FONT_SIZE, color=_SOFT)
    axes.tick_params(bottom=False)
    canvas.add_scale(axes, drawn, (quiet, loud), ("quiet", "loud"))


def frequency_ticks(band_hz: Sequence[float]) -> Dict[float, float]:
    """Frequency -> band, between those that there are: octaves, from the highest down, as far as there is room."""
    ticks: Dict[float, float] = {}
    gap = _TICK_GAP * len(band_hz)
    for hz in reversed(_FREQUENCIES_HZ):
        if band_hz and band_hz[0] * 0.9 <= hz <= band_hz[-1] * 1.1:
            band = float(np.interp(hz, band_hz, np.arange(len(band_hz))))
            if not ticks or band <= min(ticks.values()) - gap:
                ticks[hz] = band
    return ticks


def _draw_rows(canvas: _Canvas, axes: Axes, rows: ScoreRows) -> None:
    """A row of cells for each class, with the score in cells that are wide enough."""
    edges, count = rows.edges(), len(rows.names)
    inside = np.flatnonzero((edges[1:] > canvas.span[0]) & (edges[:-1] < canvas.span[1]))
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks(range(count))
    axes.set_yticklabels([_shortened(name) for name in rows.names])
    axes.tick_params(axis="y", length=0)
    if not len(inside):
        return
    cells = slice(inside[0], inside[-1] + 1)
    drawn = axes.pcolormesh(
        edges[cells.start : cells.stop + 1],
        np.arange(count + 1) - 0.5,
        rows.scores[cells].T,
        cmap=_SCORES,
        vmin=0,
        vmax=1,
    )
    axes.set_xlim(*canvas.span)
    axes.hlines(np.arange(1, count) - 0.5, *canvas.span, color="white", linewidth=3)
    canvas.add_scale(axes, drawn, (0, 0.5, 1), ("0", "0.5", "1"))
    if canvas.inches(float(np.diff(edges[cells.start : cells.stop + 1]).min())) < _TEXT_INCHES:
        return
    axes.vlines(edges[cells.start + 1 : cells.stop], -0.5, count - 0.5, color="white", linewidth=1)
    for window in range(cells.start, cells.stop):
        middle = edges[window : window + 2].clip(*canvas.span).mean()
        for row, score in enumerate(rows.scores[window]):
            if score < _LEAST_NUMBER:
                continue
            colour = "white" if score > 0.5 else _INK if score > 0.2 else _SOFT
            axes.text(middle, row, f"{score:.2f}", fontsize=_FONT_SIZE - 1, color=colour, ha="center", va="center")


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _tick_seconds(seconds: float) -> float:
    """From one mark of the time axis to the next."""
    return next((step for step in _TICK_SECONDS if seconds / step <= _MOST_TICKS), 3600)


def _time_text(seconds: float, has_minutes: bool) -> str:
    if not has_minutes:
        return f"{seconds:g}"
    return f"{int(seconds // 60)}:{int(round(seconds)) % 60:02d}"
