"""The front end of ESResNet in float64 NumPy, frame by frame, from the description of its code (model/esresnet.py)."""

import numpy as np
from scipy import signal

PUBLISHED = dict(frame=1654, hop=561, fft=2048)
SMALL = dict(frame=512, hop=256, fft=512)


def powers(waveform, frame, hop, fft):
    """[L] -> [N, bands, 3]: frames are centred, their ends reflected; the top bins that are no third are dropped."""
    window = signal.get_window("blackmanharris", frame, fftbins=True)
    before = (fft - frame) // 2
    samples = np.asarray(waveform, np.float64) * 32768
    # The sample -1 is sample 1, and sample L is sample L - 2.
    padded = np.concatenate([samples[1 : fft // 2 + 1][::-1], samples, samples[-fft // 2 - 1 : -1][::-1]])
    bands = (fft // 2 + 1) // 3
    frames = []
    for centre in range(0, len(samples) + 1, hop):
        piece = np.zeros(fft)
        piece[before : before + frame] = padded[centre + before : centre + before + frame] * window
        spectrum = np.fft.fft(piece)[: 3 * bands] * fft**-0.5
        frames.append(np.stack([np.abs(spectrum[c * bands : (c + 1) * bands]) ** 2 for c in range(3)], axis=-1))
    return np.array(frames)


def features(waveform, **settings):
    return 10 * np.log10(np.maximum(powers(waveform, **settings), 1e-18))
