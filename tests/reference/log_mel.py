"""The front end in float64 NumPy, frame by frame, from VGGish's description (mel_features.py)."""

import numpy as np

MEL_BREAK_HZ = 700.0


def mel_of_hz(hz):
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / MEL_BREAK_HZ)


def edges_of_bands():
    """[66], in mel: band i rises from i to its peak at i + 1 and falls to i + 2."""
    return np.linspace(mel_of_hz(125.0), mel_of_hz(7500.0), 66)


def band_peaks_hz():
    """[64]"""
    return MEL_BREAK_HZ * np.expm1(edges_of_bands()[1:-1] / 1127.0)


def mel_weights():
    """[257, 64]: triangles that are linear in mel, peak 1, DC excluded."""
    edges = edges_of_bands()
    bins = mel_of_hz(np.linspace(0.0, 8000.0, 257))
    weights = np.zeros([257, 64])
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        for index in range(1, 257):
            rising, falling = (bins[index] - low) / (centre - low), (high - bins[index]) / (high - centre)
            weights[index, band] = max(0.0, min(rising, falling))
    return weights


def mel_energies(waveform):
    """[L] -> [N, 64]: |rFFT of 400 Hann-weighted samples, padded at the end to 512|, times the mel weights."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    weights = mel_weights()
    frames = []
    for start in range(0, len(waveform) - 399, 160):
        spectrum = np.fft.rfft(np.asarray(waveform[start : start + 400], np.float64) * window, 512)
        frames.append(np.abs(spectrum) @ weights)
    return np.array(frames)


def log_mel(waveform):
    return np.log(mel_energies(waveform) + 0.01)


def tone():
    """Test vector A: a full-scale sine of 1 kHz, 3 s."""
    return np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)


def noise():
    """Test vector B: one second from a linear congruential generator."""
    state, samples = 12345, []
    for _ in range(16000):
        state = (1103515245 * state + 12345) % 2**31
        samples.append(((state >> 15) % 65536 - 32768) / 32768)
    return np.array(samples)


def silence():
    """Test vector C."""
    return np.zeros(16000)
