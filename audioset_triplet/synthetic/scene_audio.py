"""The audio of a scene, and where in it each event is heard."""

import dataclasses
from typing import Callable, Tuple

import numpy as np

from audioset_triplet.synthetic import activity
from audioset_triplet.synthetic.activity import Interval
from audioset_triplet.synthetic.scenes import Background, Event, Scene, World
from audioset_triplet.synthetic.sounds import coloured_noise

# Id of a clip -> its waveform [L] in [-1, 1], at the rate of the scenes.
Load = Callable[[str], np.ndarray]

_FADE_SECONDS = 0.005  # at both ends of an event, against clicks
_CROSSFADE_SECONDS = 0.05  # where a background begins again
_LOWEST_NOISE_HZ = 50.0  # else most of the power of brown noise is where nobody hears it
_LEVEL_CHANGE_DB = 3.0  # of noise, up and down
_LEVEL_SECONDS = 2.0  # between two of its levels
_MAX_PEAK = 0.98


@dataclasses.dataclass(frozen=True)
class Rendered:
    """A scene as it sounds."""

    waveform: np.ndarray  # [L] in (-1, 1), float64
    scale_db: float  # at most 0: by how much everything is lowered, so that nothing is clipped
    gains_db: Tuple[float, ...]  # of each event against its clip, with `scale_db`
    heard: Tuple[Tuple[Interval, ...], ...]  # of each event: seconds in the scene, ascending; at least one


def render(scene: Scene, world: World, load: Load) -> Rendered:
    """Mixes the events of a scene over its background."""
    rate_hz = world.config.sample_rate_hz
    num_samples = round(world.config.seconds * rate_hz)
    rng = world.generator(scene.number, 1)
    waveform = _background(rng, scene.background, num_samples, rate_hz, load)
    gains, heard = [], []
    for event in scene.events:
        part = _part(event, rate_hz, load)
        level_dbfs = activity.active_level(activity.levels(part, rate_hz))
        gain = 10 ** ((scene.background.level_dbfs + event.snr_db - level_dbfs) / 20)
        first = round(event.onset * rate_hz)
        part = gain * part[: num_samples - first]
        waveform[first : first + len(part)] += part
        is_heard = activity.audible(activity.levels(part, rate_hz), scene.background.level_dbfs)
        stretches = activity.intervals(is_heard, len(part), rate_hz, activity.SHORTEST_GAP_SECONDS)
        gains.append(gain)
        heard.append(tuple((first / rate_hz + start, first / rate_hz + end) for start, end in stretches))
    scale = min(1.0, _MAX_PEAK / float(np.abs(waveform).max()))
    gains_db = tuple(20 * float(np.log10(gain * scale)) for gain in gains)
    return Rendered(scale * waveform, 20 * float(np.log10(scale)), gains_db, tuple(heard))


def _part(event: Event, rate_hz: int, load: Load) -> np.ndarray:
    """The part of a clip that is the event, faded at both ends."""
    first = round(event.source_start * rate_hz)
    part = np.array(load(event.source.clip_id)[first : first + round(event.seconds * rate_hz)], np.float64)
    fade = np.linspace(0, 1, min(round(_FADE_SECONDS * rate_hz), len(part) // 2))
    part[: len(fade)] *= fade
    part[len(part) - len(fade) :] *= fade[::-1]
    return part


def _background(
    rng: np.random.Generator, background: Background, num_samples: int, rate_hz: int, load: Load
) -> np.ndarray:
    """[num_samples] at the level of the background."""
    if background.source is None:
        waveform = _noise(rng, num_samples, background.exponent, rate_hz)
    else:
        first, last = round(background.source_start * rate_hz), round(background.source.extent[1] * rate_hz)
        waveform = _repeated(np.array(load(background.source.clip_id)[first:last], np.float64), num_samples, rate_hz)
    rms = float(np.sqrt(np.mean(np.square(waveform))))
    return waveform * 10 ** (background.level_dbfs / 20) / max(rms, 1e-9)


def _noise(rng: np.random.Generator, num_samples: int, exponent: float, rate_hz: int) -> np.ndarray:
    """Coloured noise that is slowly louder and quieter."""
    spectrum = np.fft.rfft(coloured_noise(rng, num_samples, exponent))
    spectrum[: int(np.ceil(_LOWEST_NOISE_HZ * num_samples / rate_hz))] = 0
    times = np.arange(num_samples) / rate_hz
    knots = np.arange(0, times[-1] + 2 * _LEVEL_SECONDS, _LEVEL_SECONDS)
    changes_db = rng.uniform(-_LEVEL_CHANGE_DB, _LEVEL_CHANGE_DB, len(knots))
    return np.fft.irfft(spectrum, num_samples) * 10 ** (np.interp(times, knots, changes_db) / 20)


def _repeated(waveform: np.ndarray, num_samples: int, rate_hz: int) -> np.ndarray:
    """A waveform as often as is needed for a length, each time crossfaded with the end of the last."""
    fade = np.sqrt(np.linspace(0, 1, min(round(_CROSSFADE_SECONDS * rate_hz), len(waveform) // 2)))
    result = waveform
    while len(result) < num_samples:
        overlap = fade * waveform[: len(fade)] + fade[::-1] * result[len(result) - len(fade) :]
        result = np.concatenate([result[: len(result) - len(fade)], overlap, waveform[len(fade) :]])
    return result[:num_samples]
