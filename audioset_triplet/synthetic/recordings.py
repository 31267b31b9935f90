"""A labelled data set of synthetic sounds, written as a folder in the format of ESC-50.

The whole pipeline runs on it where there are no real recordings. Within a class pitch, tempo, timbre and times of
events vary; over all classes level, room, microphone and background do, and some recordings have another class at a low
level in the background. Results on it are results on synthetic sounds.
"""

import concurrent.futures
import contextlib
import csv
import functools
import multiprocessing
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import numpy as np
import soundfile
from scipy import signal

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.media.pcm import PCM_SCALE
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.synthetic.sounds import SAMPLE_RATE_HZ, SOUNDS, coloured_noise

NUM_FOLDS = 5
MAX_TAKES = 3
ESC10_CLASSES = 10  # the first ten are marked as the small subset


class Recording(NamedTuple):
    """One recording, of which one or more clips are cut."""

    number: int  # unique in the world
    target: int
    fold: int
    num_takes: int


def write_world(
    folder: str,
    num_classes: int = 12,
    clips_per_class: int = 40,
    seconds: float = 5.0,
    seed: int = 0,
    num_processes: int = 1,
) -> None:
    """Writes audio/{fold}-{recording}-{take}-{target}.wav (16 kHz, int16, mono) and meta/esc50.csv.

    Folds 1 to 5 are balanced over classes; all takes of a recording are in one fold. The same arguments write the same
    bytes, whatever `num_processes`. The folder appears when it is complete.

    Raises:
        UserError: an impossible count, or a folder that is not empty.
    """
    if not 2 <= num_classes <= len(SOUNDS):
        raise UserError(f"A synthetic world has 2 to {len(SOUNDS)} classes, not {num_classes}.")
    if clips_per_class < 1 or seconds < 0.1:
        raise UserError(f"A synthetic world needs at least 1 clip of 0.1 s, not {clips_per_class} of {seconds} s.")
    with new_world(folder) as temporary:
        os.makedirs(os.path.join(temporary, "audio"))
        os.makedirs(os.path.join(temporary, "meta"))
        rows: List[Dict[str, object]] = []
        recordings = plan(num_classes, clips_per_class, seed)
        write = functools.partial(_write_recording, temporary, seconds, seed)
        with _mapping(num_processes) as map_:
            written = map_(write, recordings)
            for clips in progress_bar(written, "synthesise", "recordings", total=len(recordings)):
                rows += clips
        rows.sort(key=lambda row: str(row["filename"]))
        write_table(os.path.join(temporary, "meta", "esc50.csv"), rows)


@contextlib.contextmanager
def new_world(folder: str) -> Iterator[str]:
    """A folder to write a world into, which gets the name `folder` when the block ends.

    Raises:
        UserError: that folder is not empty.
    """
    if os.path.exists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        raise UserError(f"{folder} exists already: name another folder for the synthetic world, or remove it.")
    folder = os.path.abspath(folder)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with files.atomic_path(folder) as temporary:
        yield temporary


def write_table(path: str, rows: List[Dict[str, object]]) -> None:
    """Writes a CSV file; every row has the keys of the first, which become its columns."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def plan(num_classes: int, clips_per_class: int, seed: int) -> List[Recording]:
    """All recordings: every class has an equal share of clips in every fold, in recordings of 1 to 3 takes."""
    rng = np.random.default_rng([seed])
    recordings: List[Recording] = []
    for target in range(num_classes):
        for fold in range(1, NUM_FOLDS + 1):
            remaining = (clips_per_class + fold - 1) // NUM_FOLDS  # the last folds have one more
            while remaining:
                num_takes = min(remaining, int(rng.integers(1, MAX_TAKES + 1)))
                recordings.append(Recording(100_001 + len(recordings), target, fold, num_takes))
                remaining -= num_takes
    return recordings


@contextlib.contextmanager
def _mapping(num_processes: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """`map`, in this process or in others."""
    if num_processes == 1:
        yield map
        return
    # Not forks: a caller may have threads.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(num_processes, context) as pool:
        yield pool.map


def _write_recording(folder: str, seconds: float, seed: int, recording: Recording) -> List[Dict[str, object]]:
    """Writes the clips of a recording; returns a row of the table for each."""
    rng = np.random.default_rng([seed, recording.number])
    name = list(SOUNDS)[recording.target]
    num_samples = round(seconds * SAMPLE_RATE_HZ)
    pcm = np.round(render(rng, name, recording.num_takes * num_samples) * PCM_SCALE).astype(np.int16)
    rows: List[Dict[str, object]] = []
    for index, samples in enumerate(np.split(pcm, recording.num_takes)):
        take = "ABC"[index]
        filename = f"{recording.fold}-{recording.number}-{take}-{recording.target}.wav"
        soundfile.write(os.path.join(folder, "audio", filename), samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        rows.append(
            {
                "filename": filename,
                "fold": recording.fold,
                "target": recording.target,
                "category": name,
                "esc10": recording.target < ESC10_CLASSES,
                "src_file": recording.number,
                "take": take,
            }
        )
    return rows


def render(rng: np.random.Generator, name: str, num_samples: int) -> np.ndarray:
    """One recording of a class, with room, background and microphone: [L] in (-1, 1), float64, 16 kHz."""
    sound = _at_level(SOUNDS[name](rng, num_samples), 0.0)
    if rng.uniform() < 0.3:
        other = rng.choice([candidate for candidate in SOUNDS if candidate != name])
        sound += _at_level(SOUNDS[other](rng, num_samples), rng.uniform(-18, -6))
    sound = _at_level(_in_a_room(rng, sound), 0.0)
    background = coloured_noise(rng, num_samples, rng.uniform(0, 2))
    sound = _through_a_microphone(rng, sound + _at_level(background, -rng.uniform(3, 30)))
    sound = _at_level(sound, rng.uniform(-32, -12))
    return sound * min(1.0, 0.98 / np.abs(sound).max())


def _at_level(sound: np.ndarray, decibels: float) -> np.ndarray:
    """The sound with this root mean square (0 dB: 1); digital silence stays silent."""
    return sound * 10 ** (decibels / 20) / max(float(np.sqrt(np.mean(sound**2))), 1e-9)


def _in_a_room(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Echoes as noise that decays by 60 dB in 0.1 to 0.8 s and loses its high end, added at -30 to 0 dB."""
    reverberation_seconds, wet = rng.uniform(0.1, 0.8), 10 ** (rng.uniform(-30, 0) / 20)
    time = np.arange(int(reverberation_seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    echoes = coloured_noise(rng, len(time), 0.7) * 10 ** (-3 * time / reverberation_seconds)
    echoes *= wet / np.sqrt(np.sum(echoes**2))
    return sound + signal.oaconvolve(sound, echoes)[: len(sound)]


def _through_a_microphone(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """A frequency response that varies by some decibels, smoothly over the octaves."""
    corners_hz = np.geomspace(60, SAMPLE_RATE_HZ / 2, 6)
    frequencies_hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    decibels = np.interp(np.log(np.maximum(frequencies_hz, 60)), np.log(corners_hz), rng.normal(0, 3, 6))
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (decibels / 20), len(sound))
