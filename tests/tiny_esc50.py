"""A tiny folder in the layout of ESC-50, with synthesised audio, for tests that need files on disk."""

import csv
import pathlib

import numpy as np
import soundfile

HEADER = ("filename", "fold", "target", "category", "esc10", "src_file", "take")


def write_tiny_esc50(
    root: pathlib.Path,
    classes: int = 3,
    clips_per_class: int = 4,
    folds: int = 4,
    extension: str = "wav",
    rate: int = 44100,
    seconds: float = 5.0,
) -> pathlib.Path:
    """Writes `root`/meta/esc50.csv and `root`/audio/FOLD-RECORDING-A-TARGET.extension, and returns `root`.

    Class k is a harmonic tone of (k + 2) * 110 Hz in noise; every clip has a different loudness, pulse and noise,
    which depend on its name alone. Even classes count as ESC-10.
    """
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    rows = []
    for target in range(classes):
        for index in range(clips_per_class):
            fold, recording = 1 + index % folds, str(1000 + 100 * target + index)
            name = f"{fold}-{recording}-A-{target}.{extension}"
            soundfile.write(root / "audio" / name, synthesise(target, index, rate, seconds), rate)
            rows.append((name, fold, target, f"class_{target}", str(target % 2 == 0), recording, "A"))
    write_csv(root, rows)
    return root


def write_csv(root: pathlib.Path, rows: list) -> None:
    """(Re)writes the CSV with these rows, in the order of HEADER."""
    with open(root / "meta" / "esc50.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])


def synthesise(target: int, index: int, rate: int, seconds: float) -> np.ndarray:
    """float64 [L], within (-0.9, 0.9)."""
    generator = np.random.default_rng([target, index])
    time = np.arange(round(seconds * rate)) / rate
    pulse = 0.5 + 0.5 * np.sin(2 * np.pi * generator.uniform(1, 4) * time)
    tone = sum(np.sin(2 * np.pi * (target + 2) * 110 * order * time) / order for order in (1, 2, 3))
    return generator.uniform(0.1, 0.4) * pulse * tone + 0.01 * np.clip(generator.standard_normal(len(time)), -5, 5)
