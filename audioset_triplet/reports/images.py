"""Images and audio of a report, as the bytes of PNG and MP3 files."""

import io
from typing import List, Sequence

import numpy as np
import soundfile
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from audioset_triplet.errors import UserError
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.reports import colour_map

_FILTERS_PER_LINE = 16


def spectrogram(waveform: np.ndarray, front_end: FrontEnd) -> bytes:
    """The spectrogram of a waveform as a PNG: a pixel per frame and band, low bands below.

    One colour scale holds for all spectrograms of a front end, from silence to loud audio.
    """
    quiet, loud = front_end.display_range
    return colour_map.png((spectrogram_of(waveform, front_end).T[::-1] - quiet) / (loud - quiet), "magma")


def spectrogram_of(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """A waveform of any length in [-1, 1], mono [L] or [L, A] -> [N, F], the mean of its channels."""
    if front_end.num_channels > 1 and waveform.ndim == 1:
        waveform = np.stack([waveform] * front_end.num_channels, axis=-1)
    missing = max(0, front_end.frame_samples - len(waveform))
    padded = np.pad(waveform, [(0, missing)] + [(0, 0)] * (waveform.ndim - 1))
    spectrograms = front_end.spectrogram(padded).numpy()
    return spectrograms if front_end.num_channels == 1 else spectrograms.mean(axis=0)


def of_figure(figure: Figure, num_colours: int) -> bytes:
    """A figure as a PNG of so many colours; the same figure gives the same bytes."""
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    image.quantize(num_colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def below_each_other(pngs: Sequence[bytes]) -> bytes:
    """Images of one width as one image, the first at the top."""
    parts = [Image.open(io.BytesIO(png)) for png in pngs]
    whole = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)))
    tops = np.cumsum([0, *(part.height for part in parts[:-1])])
    for part, top in zip(parts, tops.tolist()):
        whole.paste(part.convert("RGB"), (0, top))
    file = io.BytesIO()
    whole.quantize(255, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def colour_scale() -> bytes:
    """The colours of the spectrograms from quiet to loud, 256 pixels wide."""
    return colour_map.png(np.linspace(0, 1, 256)[None], "magma")


def filter_grid(kernels: np.ndarray) -> bytes:
    """First-layer filters [time, band, count] as one PNG: a pixel per weight, time to the right, high bands above.

    Every filter has a scale of its own, from its largest weight in red to the negative of it in blue.
    """
    tiles = kernels / np.maximum(np.abs(kernels).max(axis=(0, 1), keepdims=True), 1e-12)
    tiles = tiles.transpose(2, 1, 0)[:, ::-1] * 0.5 + 0.5  # [count, band, time] in [0, 1]
    tiles = np.pad(tiles, ((0, -len(tiles) % _FILTERS_PER_LINE), (0, 1), (0, 1)), constant_values=np.nan)
    lines = [np.concatenate(list(line), axis=1) for line in tiles.reshape(-1, _FILTERS_PER_LINE, *tiles.shape[1:])]
    return colour_map.png(np.concatenate(lines)[:-1, :-1], "RdBu_r")


def first_filters(model: str) -> np.ndarray:
    """The filters [time, band, count] of the first convolution of a SavedModel.

    Raises:
        UserError: no SavedModel, or none that begins with a convolution of one channel.
    """
    try:
        loaded = tf.saved_model.load(model)  # holds the variables, which a signature alone would not
        signature = loaded.signatures["serving_default"]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{model}: not a SavedModel with a serving_default signature; export_model writes one."
        ) from error
    kernels: List[np.ndarray] = [
        variable.numpy()[:, :, 0]
        for variable in signature.variables
        if len(variable.shape) == 4 and variable.shape[2] == 1 and variable.shape[0] * variable.shape[1] > 1
    ]
    if not kernels:
        raise UserError(f"{model}: has no convolution of a spectrogram, so that --model shows nothing; leave it out.")
    return kernels[0]


def mp3(waveform: np.ndarray, sample_rate_hz: int) -> bytes:
    """A waveform [L], or [L, 2] of stereo, as MP3."""
    file = io.BytesIO()
    soundfile.write(file, waveform, sample_rate_hz, format="MP3")
    return file.getvalue()
