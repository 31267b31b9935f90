"""The audio of scenes: levels, times and where events are heard; against signals that are known."""

import dataclasses
from typing import NoReturn, Optional

import numpy as np
import pytest
from numpy.testing import assert_allclose as assert_close

from audioset_triplet.config.scenes import SceneConfig
from audioset_triplet.synthetic import activity, scene_audio
from audioset_triplet.synthetic.scene_labels import Rating, rate_frames
from audioset_triplet.synthetic.scenes import Background, Event, Scene, Source, World

RATE_HZ = 8000


def tone(seconds: float, frequency_hz: float = 500.0, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ))


def no_clip(clip_id: str) -> NoReturn:
    raise AssertionError(f"{clip_id} is not needed")


def decibels(waveform: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(waveform))))


def make_scene(
    onset: float, seconds: float, snr_db: float, level_dbfs: float, behind: Optional[Source] = None
) -> Scene:
    source = Source("clip", "clip", 1, 0, ((0.0, seconds),))
    event = Event(source, 0.0, onset, seconds, snr_db)
    return Scene(3, (0,), (), (event,), Background(behind, 0.0, 1.5, level_dbfs))


WORLD = World(SceneConfig(seconds=4.0, sample_rate_hz=RATE_HZ), [], np.ones(1), ((),), (), ((),))


def test_active_blocks_and_their_intervals() -> None:
    parts = (silence(0.5), tone(1.0), silence(0.2), tone(0.5), silence(0.3), tone(0.5, amplitude=0.01), silence(1))
    waveform = np.concatenate(parts)
    levels = activity.levels(waveform, RATE_HZ)
    assert levels[25:75] == pytest.approx(np.full(50, decibels(tone(1.0))))
    is_active = activity.active(levels)  # the last tone is 34 dB below the others
    assert_close(activity.intervals(is_active, len(waveform), RATE_HZ), [(0.5, 1.5), (1.7, 2.2)])
    assert_close(activity.intervals(is_active, len(waveform), RATE_HZ, 0.25), [(0.5, 2.2)])
    assert activity.active_level(levels) == pytest.approx(decibels(tone(1.0)))
    assert not activity.active(activity.levels(tone(1.0, amplitude=1e-3), RATE_HZ)).any()
    assert_close(activity.intervals(np.array([False, True]), 200, RATE_HZ), [(0.02, 0.025)])


def test_masked_by_the_background() -> None:
    levels = activity.levels(np.concatenate([tone(1.0), tone(1.0, amplitude=0.05)]), RATE_HZ)
    assert activity.audible(levels, background_dbfs=-60.0).all()
    loud = activity.audible(levels, background_dbfs=decibels(tone(1.0, amplitude=0.05)) + 11)
    assert loud[:50].all() and not loud[50:].any()


def test_a_profile_shows_the_spectrum_and_not_the_loudness() -> None:
    profiles = {
        frequency_hz: activity.profile(tone(1.0, frequency_hz), [(0.0, 1.0)], RATE_HZ) for frequency_hz in (300, 2500)
    }
    edges_hz = np.geomspace(125, 4000, 17)
    for frequency_hz, profile in profiles.items():
        assert len(profile) == 32
        assert edges_hz[np.argmax(profile[:16])] <= frequency_hz * 1.05
        assert edges_hz[np.argmax(profile[:16]) + 1] >= frequency_hz / 1.05
    quiet = activity.profile(np.concatenate([silence(1), tone(1.0, 300, 0.05)]), [(1.0, 2.0)], RATE_HZ)
    assert quiet == pytest.approx(profiles[300], abs=0.05)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_levels_and_times_of_an_event(snr_db: float) -> None:
    scene = make_scene(onset=1.5, seconds=1.0, snr_db=snr_db, level_dbfs=-40.0)
    rendered = scene_audio.render(scene, WORLD, lambda clip_id: {"clip": tone(1.0)}[clip_id])
    alone = scene_audio.render(dataclasses.replace(scene, events=()), WORLD, no_clip)
    assert decibels(alone.waveform) == pytest.approx(-40.0)
    event = rendered.waveform - alone.waveform
    assert not event[: round(1.5 * RATE_HZ)].any() and not event[round(2.5 * RATE_HZ) :].any()
    assert decibels(event[round(1.5 * RATE_HZ) : round(2.5 * RATE_HZ)]) == pytest.approx(-40 + snr_db, abs=0.05)
    assert rendered.gains_db == pytest.approx([-40 + snr_db - decibels(tone(1.0))], abs=0.05)
    assert_close(rendered.heard, [[(1.5, 2.5)]])
    assert rendered.scale_db == 0
    # Another number, another noise.
    other = scene_audio.render(dataclasses.replace(scene, number=4, events=()), WORLD, no_clip)
    assert abs(np.corrcoef(other.waveform, alone.waveform)[0, 1]) < 0.3


def test_noise_has_its_level_where_it_is_heard() -> None:
    """Half of the power of brown noise is in the octave above its lowest frequency."""
    scene = dataclasses.replace(make_scene(0.0, 1.0, 0.0, -40.0), events=())
    for exponent in (1.0, 2.0):
        background = dataclasses.replace(scene.background, exponent=exponent)
        waveform = scene_audio.render(dataclasses.replace(scene, background=background), WORLD, no_clip).waveform
        power = np.abs(np.fft.rfft(waveform)) ** 2
        frequencies_hz = np.fft.rfftfreq(len(waveform), 1 / RATE_HZ)
        share = power[(frequencies_hz >= 50) & (frequencies_hz < 100)].sum() / power.sum()
        assert share == pytest.approx({1.0: np.log(2) / np.log(80), 2.0: 0.5}[exponent], abs=0.1)
        assert power[frequencies_hz < 45].sum() < 0.01 * power.sum()
        seconds = [decibels(part) for part in waveform.reshape(-1, RATE_HZ)]
        assert 0.2 < np.ptp(seconds) < 7


def test_an_event_is_heard_where_it_is_loud() -> None:
    """A decaying part is heard as long as it is at most 10 dB below the background, and a long pause is none of it."""
    clip = np.concatenate([tone(0.5), silence(0.5), tone(0.5), tone(0.5, amplitude=0.02)])
    scene = make_scene(onset=1.0, seconds=2.0, snr_db=10.0, level_dbfs=-40.0)
    rendered = scene_audio.render(scene, WORLD, lambda _: clip)
    assert_close(rendered.heard, [[(1.0, 1.5), (2.0, 2.5)]])  # the last part is 28 - 10 dB below
    scene = make_scene(onset=1.0, seconds=2.0, snr_db=25.0, level_dbfs=-40.0)
    assert_close(scene_audio.render(scene, WORLD, lambda _: clip).heard, [[(1.0, 1.5), (2.0, 3.0)]])


def test_a_loud_scene_is_scaled_and_not_clipped() -> None:
    scene = make_scene(onset=0.0, seconds=4.0, snr_db=30.0, level_dbfs=-20.0)
    rendered = scene_audio.render(scene, WORLD, lambda _: tone(4.0))
    assert np.abs(rendered.waveform).max() == pytest.approx(0.98)
    alone = scene_audio.render(dataclasses.replace(scene, events=()), WORLD, no_clip)
    factor = 10 ** (rendered.scale_db / 20)
    assert factor < 0.3
    event = rendered.waveform - factor * alone.waveform
    assert decibels(event) == pytest.approx(10 + rendered.scale_db, abs=0.05)


def test_a_short_background_is_repeated_without_steps() -> None:
    clip = tone(1.3, 200.0)
    behind = Source("behind", "behind", 1, -1, ((0.0, 1.3),))
    scene = make_scene(0.0, 1.0, 0.0, -30.0, behind)
    rendered = scene_audio.render(dataclasses.replace(scene, events=()), WORLD, lambda _: clip)
    assert decibels(rendered.waveform) == pytest.approx(-30.0)
    scale = rendered.waveform[5] / clip[5]
    assert_close(rendered.waveform[:8000], scale * clip[:8000], rtol=1e-9)
    assert activity.levels(rendered.waveform, RATE_HZ).min() > -33.5
    # No jump is larger than the steepest slope of the tone, but for both together in the crossfade.
    assert np.abs(np.diff(rendered.waveform)).max() < 1.5 * scale * np.abs(np.diff(clip)).max()


def test_ratings_of_frames_by_hand() -> None:
    """Frames of 1 s in a scene of 4.5 s: 0 is heard from 0.6 to 2.2 and 3.0 to 3.1, 5 for 0.2 s, 2 is absent."""
    heard = {0: [(0.6, 2.2), (3.0, 3.1)], 5: [(4.1, 4.3)]}
    ratings = rate_frames(heard, [2], seconds=4.5, frame_seconds=1.0)
    expected = [
        *((0, 2, False), (0, 5, False)),  # 0.4 s of 0: not rated
        *((1, 0, True), (1, 2, False), (1, 5, False)),
        *((2, 2, False), (2, 5, False)),  # 0.2 s of 0
        *((3, 0, True), (3, 2, False), (3, 5, False)),  # short, but whole; 4 to 5 is no whole frame
    ]
    assert ratings == [Rating(frame, frame + 1, label, is_present) for frame, label, is_present in expected]


def test_every_interval_is_present_in_a_frame() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        start = rng.uniform(0, 8.5)
        interval = (start, min(9.6, start + rng.exponential(0.5) + 0.02))
        rated = rate_frames({1: [interval]}, [], 10.0, 0.96)
        present = [rating for rating in rated if rating.is_present]
        assert present and all(rating.start < interval[1] and rating.end > interval[0] for rating in present)
        absent = [rating for rating in rated if not rating.is_present]
        assert all(rating.start >= interval[1] - 1e-9 or rating.end <= interval[0] + 1e-9 for rating in absent)
