"""Numbers as the colours of a PNG."""

import io

import matplotlib
import numpy as np
from PIL import Image


def png(values: np.ndarray, colours: str) -> bytes:
    """[height, width] in [0, 1] (NaN: transparent) through a colour map of 255 steps: a byte per pixel."""
    steps = np.where(np.isnan(values), 255, np.clip(np.nan_to_num(values), 0, 1) * 254).round().astype(np.uint8)
    image = Image.fromarray(steps, mode="P")
    palette = matplotlib.colormaps[colours](np.linspace(0, 1, 255), bytes=True)[:, :3]
    image.putpalette(np.concatenate([palette, [[255, 255, 255]]]).astype(np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", transparency=255, optimize=True)
    return file.getvalue()
