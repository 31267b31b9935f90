import collections
import csv
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from audioset_triplet.errors import UserError
from audioset_triplet.synthetic import recordings
from audioset_triplet.synthetic.sounds import SAMPLE_RATE_HZ, SOUNDS, coloured_noise

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 2.0
NUM_SAMPLES = round(SECONDS * SAMPLE_RATE_HZ)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("worlds") / "world"
    recordings.write_world(str(folder), num_classes=3, clips_per_class=12, seconds=1.0, seed=5)
    return folder


def _rows(folder: pathlib.Path):
    with open(folder / "meta" / "esc50.csv", newline="") as file:
        return list(csv.DictReader(file))


def _bytes(folder: pathlib.Path):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _log_spectrum(waveform: np.ndarray) -> np.ndarray:
    """Mean log energies in 40 bands of equal width on a logarithmic scale, and how they vary over time: [80]."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.geomspace(2, 257, 41).astype(int)
    bands = np.stack([power[:, low : max(high, low + 1)].sum(1) for low, high in zip(edges, edges[1:])], 1)
    logs = np.log(bands + 1e-3 * power.mean())
    return np.concatenate([logs.mean(0) - logs.mean(), logs.std(0)])


@pytest.fixture(scope="module")
def spectra() -> np.ndarray:
    """Of six recordings of every class, each by two takes: [class, recording, take, 80]."""
    takes = [
        [np.split(recordings.render(np.random.default_rng([1, k, i]), name, 2 * NUM_SAMPLES), 2) for i in range(6)]
        for k, name in enumerate(SOUNDS)
    ]
    return np.apply_along_axis(_log_spectrum, -1, np.array(takes))


def test_the_folder_looks_like_esc50(world):
    rows = _rows(world)
    assert tuple(rows[0]) == ("filename", "fold", "target", "category", "esc10", "src_file", "take")
    assert sorted(row["filename"] for row in rows) == sorted(os.listdir(world / "audio"))
    for row in rows:
        assert row["filename"] == "{fold}-{src_file}-{take}-{target}.wav".format(**row)
        assert row["category"] == list(SOUNDS)[int(row["target"])]
        assert row["esc10"] == "True"
        information = soundfile.info(str(world / "audio" / row["filename"]))
        assert (information.samplerate, information.channels, information.subtype) == (16000, 1, "PCM_16")
        assert information.frames == 16000


def test_there_are_as_many_clips_as_asked_for_and_folds_share_them(world):
    counts = collections.Counter((row["target"], row["fold"]) for row in _rows(world))
    # 12 clips over 5 folds: two folds have one more.
    assert [sorted(counts[str(k), str(fold)] for fold in range(1, 6)) for k in range(3)] == [[2, 2, 2, 3, 3]] * 3


def test_the_default_folds_are_equal_and_hold_whole_recordings():
    planned = recordings.plan(num_classes=12, clips_per_class=40, seed=0)
    clips = collections.Counter()
    for recording in planned:
        clips[recording.target, recording.fold] += recording.num_takes
    assert set(clips.values()) == {8} and len(clips) == 12 * 5
    assert len({recording.number for recording in planned}) == len(planned)
    assert {recording.num_takes for recording in planned} == {1, 2, 3}


def test_the_same_arguments_write_the_same_bytes_and_another_seed_others(world, tmp_path):
    made = dict(num_classes=3, clips_per_class=12, seconds=1.0)
    recordings.write_world(str(tmp_path / "5"), seed=5, num_processes=2, **made)
    recordings.write_world(str(tmp_path / "6"), seed=6, **made)
    assert _bytes(tmp_path / "5") == _bytes(world)
    again, other = _rows(tmp_path / "5"), _rows(tmp_path / "6")
    assert [row["filename"] for row in again] != [row["filename"] for row in other]
    assert not set(_bytes(world).values()) & set(_bytes(tmp_path / "6").values())


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_finite_and_never_silent_for_long(name):
    for seed in range(3):
        waveform = SOUNDS[name](np.random.default_rng(seed), 80_000)
        assert waveform.shape == (80_000,) and np.isfinite(waveform).all()
        blocks = np.sqrt(np.mean(waveform.reshape(2, 40_000) ** 2, axis=1))  # 2.5 s each
        assert blocks.min() > 0.02 * blocks.max() > 0


@pytest.mark.parametrize("name", SOUNDS)
def test_a_recording_is_loud_enough_and_does_not_clip(name):
    for seed in range(2):
        recording = recordings.render(np.random.default_rng(seed), name, NUM_SAMPLES)
        assert np.abs(recording).max() < 0.99
        level = 10 * np.log10(np.mean(recording**2))
        assert -45 < level < -11.9


def test_recordings_differ_inside_a_class_and_takes_of_one_recording_less(spectra):
    between_takes = np.linalg.norm(spectra[:, :, 0] - spectra[:, :, 1], axis=-1)  # [class, recording]
    between_recordings = np.linalg.norm(spectra[:, :, 0] - np.roll(spectra[:, :, 0], 1, axis=1), axis=-1)
    assert (np.median(between_recordings, axis=1) > 2.0).all()  # nat, over 80 numbers
    assert (np.median(between_takes, axis=1) < 0.8 * np.median(between_recordings, axis=1)).all()


def test_classes_can_be_told_apart_but_not_by_spectra_alone(spectra):
    points = spectra[:, :, 0].reshape(-1, spectra.shape[-1])
    labels = np.repeat(np.arange(len(SOUNDS)), spectra.shape[1])
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    accuracy = np.mean(labels[distances.argmin(1)] == labels)
    assert 4 / len(SOUNDS) < accuracy < 0.85


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_falls_by_its_exponent(exponent):
    noise = coloured_noise(np.random.default_rng(0), 2**17, exponent)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(10, 16)]
    # Over one octave the power falls by 2**exponent. The mean of n independent powers scatters by 1.07 / sqrt(n) or
    # less, so that of log2 of the ratio of n = 1024 and 2048 by 0.06; the bound is four times that.
    np.testing.assert_allclose(np.diff(np.log2(octaves)), -exponent, atol=0.25)
    assert noise.std() == pytest.approx(1)


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"num_classes": len(SOUNDS) + 1}, f"2 to {len(SOUNDS)} classes"),
        ({"num_classes": 1}, "not 1"),
        ({"clips_per_class": 0}, "at least 1 clip"),
        ({"seconds": 0.0}, "0.0 s"),
    ],
)
def test_a_world_that_cannot_be_is_refused(tmp_path, arguments, named):
    with pytest.raises(UserError, match=named):
        recordings.write_world(str(tmp_path / "world"), **arguments)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        recordings.write_world(str(tmp_path))
    assert os.listdir(tmp_path) == ["notes"]


def test_a_killed_process_leaves_no_half_world(tmp_path):
    code = "import sys; from audioset_triplet.synthetic import recordings; recordings.write_world(sys.argv[1])"
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "world"], env=environment) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("world.tmp-*/audio/*.wav")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert not (tmp_path / "world").exists()
