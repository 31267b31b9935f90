"""How fast mel energies are computed, beside tf.signal.stft and beside librosa.

    python -m experiments.benchmarks.frontend --output=benchmark

takes windows of the log-mel front end in batches of several sizes and computes their mel energies in four ways, in
turns:

* fft, product: the two spectra of the front end (`audioset_triplet.frontend.log_mel`);
* tf.signal.stft: its magnitudes (in float32), and the product with the mel matrix;
* librosa: librosa.stft, and the product with the same matrix, made once.

Their results are compared too. The last column is the rate of the path that is the default on this device, over that of
the fastest of the other three.
"""

import statistics
import time
from typing import Callable, Dict, List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("batches", ["32", "256", "512"], "Sizes of batches, in windows.")
flags.DEFINE_float("seconds", 2.0, "Of each turn, at least; there are --repeats turns of each.")

MODULE = "experiments.benchmarks.frontend"  # also where it runs as a program
TOLERANCE = 1e-5  # of the highest energy


def measure(num_windows: int, seconds: float, turns: int) -> Dict[str, float]:
    """Windows per second of each way, by the median of its calls, and of the default beside the fastest other."""
    from audioset_triplet.frontend.front_end import fastest_spectrum

    ways = _ways(num_windows)
    calls: Dict[str, List[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                started = time.monotonic()
                way()
                calls[name].append(time.monotonic() - started)
    rates = {name: num_windows / statistics.median(times) for name, times in calls.items()}
    default = rates[fastest_spectrum()]
    fastest_other = max(rate for name, rate in rates.items() if name != fastest_spectrum())
    return {
        **{f"{name}: windows/s": rate for name, rate in rates.items()},
        "default, times the best other": default / fastest_other,
    }


def _ways(num_windows: int) -> Dict[str, Callable[[], object]]:
    """What to call, traced and found to agree.

    Raises:
        UserError: two ways differ.
    """
    import librosa
    import numpy as np
    import tensorflow as tf

    from audioset_triplet.frontend import registry
    from experiments.benchmarks.librosa_triplets import (
        FFT_SAMPLES,
        FRAME_SAMPLES,
        HIGHEST_HZ,
        HOP_SAMPLES,
        LOWEST_HZ,
        NUM_BANDS,
        RATE_HZ,
    )

    log_mel = registry.by_name("log_mel")
    waveform = np.random.default_rng(0).uniform(-0.1, 0.1, [num_windows, log_mel.window_samples]).astype(np.float32)
    frame, hop, fft = FRAME_SAMPLES, HOP_SAMPLES, FFT_SAMPLES
    num_bins = fft // 2 + 1
    matrix = tf.signal.linear_to_mel_weight_matrix(NUM_BANDS, num_bins, RATE_HZ, LOWEST_HZ, HIGHEST_HZ, tf.float64)
    signals, matrix = tf.constant(waveform), matrix.numpy().astype(np.float32)
    # librosa's frames are as long as the FFT, with the window in their middle.
    padded = np.pad(waveform, [(0, 0), ((fft - frame) // 2, (fft - frame) // 2)])

    def with_librosa() -> np.ndarray:
        spectrum = librosa.stft(padded, n_fft=fft, hop_length=hop, win_length=frame, center=False)
        return np.swapaxes(matrix.T @ np.abs(spectrum), 1, 2)

    def with_tensorflow(energies: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[], tf.Tensor]:
        traced = tf.function(energies, autograph=False)

        def call() -> tf.Tensor:
            result = traced(signals)
            result[-1, -1, -1].numpy()  # an accelerator has only been told to compute it
            return result

        return call

    ways = {
        "fft": with_tensorflow(registry.by_name("log_mel", "fft").energies),
        "product": with_tensorflow(registry.by_name("log_mel", "product").energies),
        "tf.signal.stft": with_tensorflow(lambda signals: tf.abs(tf.signal.stft(signals, frame, hop, fft)) @ matrix),
        "librosa": with_librosa,
    }
    expected = np.asarray(ways["fft"]())
    for name, way in ways.items():
        difference = np.abs(np.asarray(way()) - expected).max()
        if not difference <= TOLERANCE * expected.max():
            raise UserError(f"{name} gives other energies: the largest difference is {difference:.2g}.")
    return ways


def main() -> None:
    command_line.require_flags("output")
    rows = {}
    for num_windows in progress_bar(command_line.integers("batches")):
        rows[str(num_windows)] = shared.call(MODULE, "measure", num_windows, FLAGS.seconds, FLAGS.repeats)
    shared.write(rows, "windows")


if __name__ == "__main__":
    command_line.run(main, writes="output")
