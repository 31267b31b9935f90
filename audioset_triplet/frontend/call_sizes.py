"""How many windows a network takes at once, so that a call needs about as much memory for long windows as for short."""

from audioset_triplet.frontend.loudness import Windows

_MOST_WINDOWS = 64
_MOST_SAMPLES = 1 << 20  # of all channels; 64 windows of log-mel have a million


def windows_per_call(windows: Windows) -> int:
    """64, or fewer windows with a million samples together: 64 of log-mel, 4 of three_band; at least one.

    It goes by samples, not by features, because every model says how many it takes, those of others too.
    """
    return max(1, min(_MOST_WINDOWS, _MOST_SAMPLES // (windows.window_samples * windows.num_channels)))
