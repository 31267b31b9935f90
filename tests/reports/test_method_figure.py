"""The figure of the README: drawn from synthesised audio, the same for the same seed, small enough for a repository."""

import io
import pathlib

import numpy as np
from PIL import Image

from audioset_triplet.frontend import registry
from audioset_triplet.reports import method_figure

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOG_MEL = registry.by_name("log_mel")
MAX_BYTES = 150_000


def drawn(tmp_path, name, seed):
    path = tmp_path / name
    method_figure.save(method_figure.draw(LOG_MEL, seed), str(path))
    return path.read_bytes()


def test_the_same_seed_draws_the_same_bytes_and_another_seed_does_not(tmp_path):
    first = drawn(tmp_path, "first.png", seed=1)
    assert drawn(tmp_path, "second.png", seed=1) == first
    assert drawn(tmp_path, "third.png", seed=2) != first


def test_the_committed_figure_is_the_one_that_is_drawn(tmp_path):
    committed = (ROOT / "experiments" / "results" / "methods.png").read_bytes()
    assert len(committed) <= MAX_BYTES
    images = [Image.open(io.BytesIO(data)).convert("RGB") for data in (committed, drawn(tmp_path, "now.png", seed=1))]
    committed_pixels, drawn_pixels = (np.asarray(image, float) for image in images)
    # Fonts and palettes differ a little between versions of matplotlib and Pillow.
    assert committed_pixels.shape == drawn_pixels.shape
    assert np.abs(committed_pixels - drawn_pixels).mean() < 3
