"""The positives of Jansen et al. 2018, section 3, one window at a time, in float64."""

import numpy as np


def translate(energies, shift_frames, shift_bands):
    """[T, F] moved later circularly and up with truncation."""
    num_frames, num_bands = energies.shape
    moved = np.zeros_like(energies, dtype=np.float64)
    for frame in range(num_frames):
        for band in range(num_bands):
            if 0 <= band + shift_bands < num_bands:
                moved[(frame + shift_frames) % num_frames, band + shift_bands] = energies[frame, band]
    return moved


def mix(anchor, distractor, alpha):
    anchor, distractor = anchor.astype(np.float64), distractor.astype(np.float64)
    if anchor.sum() == 0 or distractor.sum() == 0:
        return anchor
    return anchor + alpha * anchor.sum() / distractor.sum() * distractor
