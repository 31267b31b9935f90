"""The figure of triplet sampling: an anchor, a positive of each method and a negative, made of synthesised audio."""

from typing import Dict, Tuple

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.reports import images
from audioset_triplet.sampling import positives
from audioset_triplet.synthetic.sounds import SOUNDS, coloured_noise

SIZE_INCHES = (12.0, 5.2)
DOTS_PER_INCH = 120
NUM_COLORS = 255  # of the PNG
POSITIVE_COLOR, NEGATIVE_COLOR = "#1a7f37", "#c1272d"
CLIP_SECONDS = 4.0
ANCHOR_SECOND, NEARBY_SECOND = 0.6, 2.2  # where the anchor and its neighbour in time start
NOISE_SIGMA = 2.0  # four times the default, to be visible in a small figure
SHIFT_FRAMES, SHIFT_BANDS = 30, 10
MIXING_ALPHA = 0.7
PEAK = 0.3
BACKGROUND = 0.004  # standard deviation of the pink noise under each clip
ANCHOR_DEGREES, POSITIVE_DEGREES, NEGATIVE_DEGREES = 62.0, (28.0, 44.0, 80.0, 98.0), 205.0  # on the unit circle


def draw(front_end: FrontEnd, seed: int) -> Figure:
    """Anchor and negative on the left, a positive of each method in the middle, the embedding space on the right.

    Args:
        front_end: of the spectrograms; of one channel.
        seed: of the synthesised audio and the noise. The same seed draws the same pixels.

    Raises:
        UserError: the front end takes several channels, or longer windows than there are in the clips.
    """
    longest = CLIP_SECONDS - NEARBY_SECOND
    if front_end.num_channels > 1 or front_end.window_seconds > longest:
        raise UserError(
            f"--front_end: the figure shows windows of one channel and at most {longest:g} s, as of three_band-1s."
        )
    windows = _windows(front_end, seed)
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout=None)
    anchor = _spectrogram(figure, (0.03, 0.57, 0.2, 0.33), front_end, windows["anchor"])
    anchor.set_title("anchor", fontsize=14, fontweight="bold")
    negative = _spectrogram(figure, (0.03, 0.07, 0.2, 0.33), front_end, windows["negative"], NEGATIVE_COLOR)
    negative.set_title("negative: mined in the batch", fontsize=12, color=NEGATIVE_COLOR)
    titles = {
        "noise": "Gaussian noise",
        "translation": "shift in time and frequency",
        "mixing": "mixed with another clip",
        "proximity": "nearby in the recording",
    }
    for position, (method, title) in enumerate(titles.items()):
        row, column = divmod(position, 2)
        corner = (0.3 + 0.215 * column, 0.57 - 0.5 * row, 0.19, 0.33)
        axes = _spectrogram(figure, corner, front_end, windows[method], POSITIVE_COLOR)
        axes.set_title(title, fontsize=12, color=POSITIVE_COLOR)
    _arrow(figure, (0.233, 0.735), (0.297, 0.735), POSITIVE_COLOR)
    _arrow(figure, (0.233, 0.735), (0.297, 0.3), POSITIVE_COLOR)
    _arrow(figure, (0.718, 0.5), (0.775, 0.5), "black")
    figure.text(0.745, 0.54, "network", fontsize=12, ha="center")
    _embedding_space(figure)
    return figure


def save(figure: Figure, path: str) -> None:
    """Writes a PNG of NUM_COLORS colors; the same figure gives the same bytes."""
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(images.of_figure(figure, NUM_COLORS))


def _windows(front_end: FrontEnd, seed: int) -> Dict[str, np.ndarray]:
    """Spectrograms [T, F] of anchor, negative and one positive of each method."""
    num_samples = int(CLIP_SECONDS * front_end.sample_rate_hz)

    def energies(sound: str, second: float) -> tf.Tensor:
        """[1, T, F] of the window at `second` of a synthesised clip."""
        rng = np.random.default_rng(seed)
        waveform = SOUNDS[sound](rng, num_samples)
        waveform = waveform * PEAK / np.abs(waveform).max() + BACKGROUND * coloured_noise(rng, num_samples, 1)
        first = int(second * front_end.sample_rate_hz)
        window = waveform[first : first + front_end.window_samples]
        return front_end.energies(tf.constant(window[np.newaxis], tf.float32))

    anchor = energies("bird_chirp", ANCHOR_SECOND)
    windows = {
        "anchor": anchor,
        "noise": positives.add_noise(anchor, NOISE_SIGMA, tf.constant([seed, 0])),
        "translation": positives.translate(anchor, tf.constant([SHIFT_FRAMES]), tf.constant([SHIFT_BANDS])),
        "mixing": positives.mix(anchor, energies("church_bell", ANCHOR_SECOND), MIXING_ALPHA),
        "proximity": energies("bird_chirp", NEARBY_SECOND),
        "negative": energies("footsteps", ANCHOR_SECOND),
    }
    return {name: front_end.compress(window).numpy()[0] for name, window in windows.items()}


def _spectrogram(
    figure: Figure,
    corner: Tuple[float, float, float, float],
    front_end: FrontEnd,
    window: np.ndarray,
    color: str = "black",
) -> Axes:
    """A window [T, F] as an image, time to the right and frequency upwards, in a frame of a color."""
    axes = figure.add_axes(corner)
    low, high = front_end.display_range
    axes.imshow(window.T, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_edgecolor(color)
        spine.set_linewidth(2)
    return axes


def _arrow(figure: Figure, start: Tuple[float, float], end: Tuple[float, float], color: str) -> None:
    """Between two points of the figure, in shares of its width and height."""
    figure.add_artist(
        FancyArrowPatch(
            start, end, transform=figure.transFigure, arrowstyle="-|>", mutation_scale=18, linewidth=1.8, color=color
        )
    )


def _embedding_space(figure: Figure) -> None:
    """A sketch: on the unit sphere the positives are closer to the anchor than the negative, by a margin."""
    axes = figure.add_axes((0.765, 0.07, 0.235, 0.83))
    axes.set_xlim(-1.3, 1.3)
    axes.set_ylim(-1.7, 1.35)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("embeddings (sketch)", fontsize=12)
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.7", linewidth=1.5))
    anchor, negative = _on_circle(ANCHOR_DEGREES), _on_circle(NEGATIVE_DEGREES)
    for degrees in POSITIVE_DEGREES:
        positive = _on_circle(degrees)
        axes.plot(*zip(anchor, positive), color=POSITIVE_COLOR, linewidth=1.5)
        axes.plot(*positive, "o", color=POSITIVE_COLOR, markersize=9)
    axes.plot(*zip(anchor, negative), color=NEGATIVE_COLOR, linewidth=1.5, linestyle="--")
    axes.plot(*negative, "o", color=NEGATIVE_COLOR, markersize=9)
    axes.plot(*anchor, "o", color="black", markersize=11)
    for name, degrees, color in (
        ("a", ANCHOR_DEGREES, "black"),
        ("p", POSITIVE_DEGREES[1], POSITIVE_COLOR),
        ("n", NEGATIVE_DEGREES, NEGATIVE_COLOR),
    ):
        x, y = _on_circle(degrees)
        axes.text(1.18 * x, 1.18 * y, name, fontsize=14, color=color, ha="center", va="center")
    axes.text(0, -1.5, "$|a-p|^2 + \\mathrm{margin} < |a-n|^2$", fontsize=13, ha="center")


def _on_circle(degrees: float) -> Tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
