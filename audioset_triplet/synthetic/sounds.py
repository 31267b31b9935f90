"""Synthetic sounds: one function per class, with large variation within the class.

Every function takes a random generator and a length and returns a waveform [L], float64, at 16 kHz, at any level:
`synthetic.recordings` sets the level and adds room and background. Properties of a recording (pitch, tempo, timbre) are
drawn once at the top of each function, those of an event once per event, so that two parts of one waveform sound like
one recording. No silence is longer than about two seconds.
"""

from typing import Callable, Dict

import numpy as np
from scipy import signal

SAMPLE_RATE_HZ = 16000  # of all synthetic sounds

Sound = Callable[[np.random.Generator, int], np.ndarray]


def coloured_noise(rng: np.random.Generator, num_samples: int, exponent: float) -> np.ndarray:
    """Noise of standard deviation 1 whose power falls with frequency**exponent: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    spectrum[0] = 0
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-exponent / 2)
    noise = np.fft.irfft(spectrum, num_samples)
    return noise / noise.std()


def _times(num_samples: int) -> np.ndarray:
    return np.arange(num_samples) / SAMPLE_RATE_HZ


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _wander(rng: np.random.Generator, num_samples: int, seconds: float) -> np.ndarray:
    """A smooth random curve in [0, 1] that turns about every `seconds`."""
    knots = rng.uniform(0, 1, int(num_samples / SAMPLE_RATE_HZ / seconds) + 3)
    positions = np.arange(len(knots)) * seconds * SAMPLE_RATE_HZ
    straight = np.interp(np.arange(num_samples), positions, knots)
    return 0.5 - 0.5 * np.cos(np.pi * straight)


def _band(noise: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    filters = signal.butter(2, [low_hz, min(high_hz, 7900)], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return signal.sosfilt(filters, noise)


def _formants(source: np.ndarray, centres_hz: np.ndarray, quality: float) -> np.ndarray:
    """The sum of resonances, each with 0.6 of the amplitude of the previous one."""
    return sum(
        0.6**index * signal.lfilter(*signal.iirpeak(centre, quality, fs=SAMPLE_RATE_HZ), source)
        for index, centre in enumerate(centres_hz)
    )


def _harmonics(frequency_hz: np.ndarray, slope: float, count: int) -> np.ndarray:
    """A tone [L] of a frequency that changes [L]; harmonic k has the amplitude k**-slope and stays below 7.5 kHz."""
    phase = 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ
    tone = np.zeros(len(phase))
    for k in range(1, count + 1):
        tone += k**-slope * np.where(k * frequency_hz < 7500, np.sin(k * phase), 0)
    return tone


def _ringing(
    frequencies_hz: np.ndarray, amplitudes: np.ndarray, decays_seconds: np.ndarray, seconds: float
) -> np.ndarray:
    """Decaying partials, as of a body that is struck."""
    time = _times(int(seconds * SAMPLE_RATE_HZ))[:, None]
    return (np.sin(2 * np.pi * frequencies_hz * time) * np.exp(-time / decays_seconds)) @ amplitudes


def _hump(num_samples: int, attack: float = 0.3) -> np.ndarray:
    """An envelope from 0 to 1 to 0 with its maximum at the share `attack` of the length."""
    return np.interp(np.linspace(0, 1, num_samples), [0, attack, 1], [0, 1, 0])


def _scatter(
    rng: np.random.Generator, num_samples: int, gap: Callable[[], float], event: Callable[[], np.ndarray]
) -> np.ndarray:
    """Successive events of random amplitude, each `gap()` seconds after the start of the previous one."""
    waveform = np.zeros(num_samples)
    start = rng.uniform(0, 0.5)
    while start * SAMPLE_RATE_HZ < num_samples:
        first = int(start * SAMPLE_RATE_HZ)
        sound = event()[: num_samples - first]
        waveform[first : first + len(sound)] += rng.uniform(0.5, 1) * sound
        start += gap()
    return waveform


def siren(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """A tone that rises and falls, or alternates between two pitches."""
    low, span = _log_uniform(rng, 350, 900), rng.uniform(1.3, 2.6)
    turns = _log_uniform(rng, 0.2, 3) * _times(num_samples) + rng.uniform()
    shapes = (0.5 - 0.5 * np.cos(2 * np.pi * turns), np.abs(2 * (turns % 1) - 1), (turns % 1 < 0.5) * 1.0)
    return _harmonics(low * span ** shapes[rng.integers(len(shapes))], rng.uniform(0.8, 2.5), 8)


def church_bell(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Strikes of bodies with the partials of a bell: hum, prime, minor third, fifth, nominal and above."""
    ratios = np.array([0.5, 1, 1.2, 1.5, 2, 2.5, 2.67, 3, 4]) * rng.normal(1, 0.01, 9)
    pitch, decay, gap = _log_uniform(rng, 130, 900), _log_uniform(rng, 0.6, 3), _log_uniform(rng, 0.5, 2)
    amplitudes = rng.uniform(0.2, 1, 9)
    bells = pitch * rng.choice([0.75, 1, 1.125, 1.333], 2)

    def strike() -> np.ndarray:
        return _ringing(ratios * rng.choice(bells), amplitudes, decay / ratios, 4.0)

    return _scatter(rng, num_samples, lambda: gap * rng.uniform(0.8, 1.2), strike)


def bird_chirp(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Phrases of short high sweeps."""
    pitch, seconds = _log_uniform(rng, 1800, 5000), _log_uniform(rng, 0.04, 0.25)
    sweep, trill, syllables = rng.uniform(-0.5, 0.5), rng.uniform(0, 0.1), int(rng.integers(1, 7))

    def phrase() -> np.ndarray:
        length = int(seconds * SAMPLE_RATE_HZ)
        curve = np.linspace(-1, 1, length) * sweep + trill * np.sin(2 * np.pi * 40 * _times(length))
        parts = []
        for _ in range(syllables):
            parts += [
                _harmonics(pitch * rng.uniform(0.9, 1.1) * 2**curve, 2.5, 2) * _hump(length),
                np.zeros(length // 2),
            ]
        return np.concatenate(parts)

    return _scatter(rng, num_samples, lambda: seconds * syllables * 1.5 + rng.uniform(0.1, 1.2), phrase)


def dog_bark(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Short falling voiced bursts through the resonances of a muzzle."""
    pitch, seconds = _log_uniform(rng, 200, 800), rng.uniform(0.1, 0.3)
    centres = rng.uniform([500, 1100, 2200], [1000, 2000, 3500])
    breath = rng.uniform(0.1, 0.6)

    def bark() -> np.ndarray:
        length = int(seconds * rng.uniform(0.8, 1.2) * SAMPLE_RATE_HZ)
        curve = pitch * rng.uniform(0.9, 1.1) * np.interp(np.linspace(0, 1, length), [0, 0.3, 1], [0.8, 1.1, 0.6])
        voice = _harmonics(curve, 0.7, 20) + breath * 3 * rng.standard_normal(length)
        return _formants(voice, centres, 4) * _hump(length, 0.2)

    return _scatter(rng, num_samples, lambda: rng.choice([0.35, 0.5, 1.5]) * rng.uniform(0.9, 1.3), bark)


def engine(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """A low series of harmonics that runs unevenly, through the resonances of a body."""
    revs = _log_uniform(rng, 22, 110) * (1 + rng.uniform(0, 0.6) * _wander(rng, num_samples, rng.uniform(0.7, 3)))
    tone = _harmonics(revs * (1 + 0.02 * rng.standard_normal(num_samples)), rng.uniform(0.3, 0.9), 30)
    rattle = coloured_noise(rng, num_samples, 1) * (1 + np.sin(2 * np.pi * np.cumsum(revs / 2) / SAMPLE_RATE_HZ))
    centres = rng.uniform([100, 300, 900], [300, 900, 2500])
    return _formants(tone + rng.uniform(0.3, 2) * rattle, centres, 1.5)


def rain(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Many drops on a surface, over a hiss."""
    drops = rng.uniform(size=num_samples) < _log_uniform(rng, 60, 1500) / SAMPLE_RATE_HZ
    strengths = drops * rng.exponential(1, num_samples) * rng.choice([-1, 1], num_samples)
    surface = _ringing(
        rng.uniform(800, 6500, 6), rng.uniform(0.3, 1, 6), np.full(6, _log_uniform(rng, 0.001, 0.006)), 0.04
    )
    patter = signal.oaconvolve(strengths, surface)[:num_samples]
    hiss = _band(rng.standard_normal(num_samples), rng.uniform(300, 1500), rng.uniform(4000, 7900))
    return patter / patter.std() + rng.uniform(0.3, 1.2) * hiss / hiss.std()


def wind(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Gusts: noise whose amplitude and colour vary together."""
    gusts = _wander(rng, num_samples, rng.uniform(0.5, 2.0))
    low = _band(coloured_noise(rng, num_samples, 1), 60, rng.uniform(300, 700))
    centre = _log_uniform(rng, 400, 1500)
    howl = _band(rng.standard_normal(num_samples), centre * 0.85, centre * 1.2)
    return (0.2 + gusts) * low / low.std() + rng.uniform(0.3, 1.5) * gusts**2 * howl / howl.std()


def sea_waves(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Surf: a rumble that swells, and a hiss that follows and decays slowly."""
    period, sharpness = rng.uniform(2.0, 6.0), rng.uniform(2, 5)
    phase = (_times(num_samples) / period + rng.uniform() + 0.2 * _wander(rng, num_samples, period)) % 1
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    breaking = np.where(phase < 0.3, phase / 0.3, np.exp(-sharpness * (phase - 0.3)))
    rumble = _band(coloured_noise(rng, num_samples, 1), 80, rng.uniform(400, 900))
    hiss = _band(coloured_noise(rng, num_samples, 0.5), rng.uniform(700, 1500), rng.uniform(4000, 7500))
    return (0.3 + swell) * rumble / rumble.std() + rng.uniform(0.5, 1.5) * (0.05 + breaking) * hiss / hiss.std()


def clock_tick(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Ticks and tocks at a steady pace."""
    pace = _log_uniform(rng, 0.2, 0.7)
    bodies = [
        _ringing(rng.uniform(1200, 6500, 5), rng.uniform(0.2, 1, 5), _log_uniform(rng, 0.003, 0.015) * np.ones(5), 0.08)
        for _ in range(2)
    ]
    turn = iter(range(1_000_000))
    return _scatter(rng, num_samples, lambda: pace, lambda: bodies[next(turn) % 2])


def door_knock(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Groups of knocks on a board."""
    modes, gap, knocks = np.sort(rng.uniform(90, 900, 6)), rng.uniform(0.1, 0.3), int(rng.integers(2, 6))
    decays = _log_uniform(rng, 0.01, 0.05) * modes[0] / modes
    amplitudes = rng.uniform(0.2, 1, 6) * (modes[0] / modes) ** 0.5

    def group() -> np.ndarray:
        waveform = np.zeros(int((knocks * gap * 1.1 + 0.3) * SAMPLE_RATE_HZ))
        for k in range(knocks):
            start = int(k * gap * rng.uniform(0.95, 1.05) * SAMPLE_RATE_HZ)
            knock = _ringing(modes, amplitudes * rng.uniform(0.6, 1, 6), decays, 0.25)
            waveform[start : start + len(knock)] += knock
        return waveform

    return _scatter(rng, num_samples, lambda: knocks * gap + rng.uniform(0.4, 1.5), group)


def crickets(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """One to three insects, each a high tone in fast pulses that come in chirps."""
    waveform = np.zeros(num_samples)
    time = _times(num_samples)
    for _ in range(rng.integers(1, 4)):
        pitch, pulses, chirps = _log_uniform(rng, 2500, 6500), _log_uniform(rng, 18, 60), _log_uniform(rng, 0.7, 5)
        pulse = np.maximum(0, np.sin(2 * np.pi * pulses * time)) ** 0.7
        chirp = ((chirps * time + rng.uniform()) % 1) < rng.uniform(0.3, 1.1)
        waveform += rng.uniform(0.3, 1) * pulse * chirp * np.sin(2 * np.pi * pitch * time)
    return waveform


def helicopter(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """The beat of a rotor in low noise, with the whine of a turbine."""
    beats = _log_uniform(rng, 8, 24) * (1 + 0.05 * _wander(rng, num_samples, 1.5))
    phase = np.cumsum(beats) / SAMPLE_RATE_HZ % 1
    chop = np.exp(-phase * rng.uniform(3, 9))
    noise = _band(coloured_noise(rng, num_samples, rng.uniform(0, 1.5)), rng.uniform(60, 200), rng.uniform(500, 2500))
    whine = _harmonics(np.full(num_samples, _log_uniform(rng, 500, 3000)), 2, 3)
    drift = 0.3 + _wander(rng, num_samples, 3)
    return drift * (chop * noise / noise.std() + rng.uniform(0, 0.2) * whine)


def footsteps(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Steps: a thud and the scuff of a sole."""
    pace, thud, scuff = rng.uniform(0.3, 0.8), rng.uniform(60, 250), rng.uniform(0.1, 1)
    low, high = rng.uniform(500, 1500), rng.uniform(2500, 7500)

    def step() -> np.ndarray:
        length = int(rng.uniform(0.08, 0.2) * SAMPLE_RATE_HZ)
        sole = _band(rng.standard_normal(length), low, high) * _hump(length, 0.3)
        heel = _ringing(np.array([thud, thud * 2.3]), np.array([1, 0.4]), np.array([0.03, 0.015]), 0.08)
        sole[: len(heel)] = scuff * sole[: len(heel)] + heel[:length]
        return sole

    return _scatter(rng, num_samples, lambda: pace * rng.uniform(0.9, 1.1), step)


def glass_chimes(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Small high bodies struck at random."""
    pitches = _log_uniform(rng, 1200, 2800) * rng.uniform(1, 2.2, 6)
    ratios, decay, density = np.array([1, 2.76, 5.4]), _log_uniform(rng, 0.15, 1), _log_uniform(rng, 0.05, 0.5)

    def strike() -> np.ndarray:
        partials = ratios[ratios * pitches.max() < 24000] * rng.choice(pitches)
        partials = partials[partials < 7500]
        return _ringing(partials, 0.5 ** np.arange(len(partials)), decay * partials[0] / partials, min(4 * decay, 2.0))

    return _scatter(rng, num_samples, lambda: rng.exponential(density) + 0.02, strike)


def alarm_beep(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """A steady tone, switched on and off in groups."""
    pitch, beeps, group = _log_uniform(rng, 700, 3500), _log_uniform(rng, 1.5, 9), int(rng.integers(2, 6))
    turns = _times(num_samples) * beeps + rng.uniform(0, group)
    on = ((turns % 1) < rng.uniform(0.35, 0.7)) & ((turns % (group + 1)) < group)
    soft = signal.oaconvolve(on * 1.0, np.hanning(80) / 40, mode="same")
    return soft * _harmonics(np.full(num_samples, pitch), rng.uniform(0.7, 3), 6)


def applause(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Many hands that clap, each with its own timbre and pace."""
    waveform = np.zeros(num_samples)
    swell = 0.4 + _wander(rng, num_samples, 1.5)
    for _ in range(rng.integers(4, 40)):
        length = int(rng.uniform(0.01, 0.03) * SAMPLE_RATE_HZ)
        centre = _log_uniform(rng, 700, 2500)
        clap = _band(rng.standard_normal(length), centre / 1.6, centre * 1.6) * np.exp(-np.linspace(0, 5, length))
        onsets = np.cumsum(rng.uniform(0.17, 0.33) * rng.normal(1, 0.08, num_samples // 2000)) + rng.uniform(0, 0.3)
        train = np.zeros(num_samples)
        train[(onsets[(onsets * SAMPLE_RATE_HZ) < num_samples] * SAMPLE_RATE_HZ).astype(int)] = rng.uniform(0.3, 1)
        waveform += signal.oaconvolve(train, clap)[:num_samples]
    return swell * waveform


SOUNDS: Dict[str, Sound] = {
    function.__name__: function
    for function in (
        siren,
        church_bell,
        bird_chirp,
        dog_bark,
        engine,
        rain,
        wind,
        sea_waves,
        clock_tick,
        door_knock,
        crickets,
        helicopter,
        footsteps,
        glass_chimes,
        alarm_beep,
        applause,
    )
}
