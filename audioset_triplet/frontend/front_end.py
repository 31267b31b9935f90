"""A front end as a value: everything that the rest of the project knows about the features of a network.

Shapes: L samples, N frames, F bands, W windows; one window has the shape `feature_shape`: frames by bands, (T, F), or,
with the bands in C runs as channels of an image, (T, F / C, C). Waveforms are [..., L] of one channel, else [..., L, A]
of A; the features of A channels are [..., A, N, F], and a window of them is (A, T, F / C, C).
"""

import dataclasses
import math
from typing import Any, Callable, Optional, Tuple

import tensorflow as tf

# Ways to the spectrum. auto: the faster one on the devices at hand. product: without an FFT, which TPUs, TFLite and
# ONNX do not have.
SPECTRA = ("auto", "fft", "product")
HOP_MARK = "-hop"  # in an id, before a hop in samples that is not the front end's own

TensorFunction = Callable[[tf.Tensor], tf.Tensor]


def fastest_spectrum() -> str:
    """The faster way to the spectrum on the devices at hand: `product` on a TPU, `fft` elsewhere."""
    return "product" if tf.config.list_logical_devices("TPU") else "fft"


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """Waveform -> features, in two steps: energies, which methods of sampling change, and their compression.

    Attributes:
        id: stored with every embedding, so that vectors of two front ends are never compared.
        sample_rate_hz: the rate of the waveforms that it takes.
        window_samples: samples that the frames of one window cover.
        hop_samples: samples from the start of a window to that of the next.
        frame_samples: samples of one frame: the shortest waveform that `energies` takes.
        feature_shape: shape of one window: (T, F), (T, F / C, C), or (A, T, F / C, C).
        energies: waveform, L >= `frame_samples` -> linear energies (not negative) of all N frames, [..., N, F],
            float32. `window_samples` give N = T.
        compress: energies of any shape -> the same shape, such as their logarithm.
        display_range: what `compress` gives for the darkest and the brightest colour of a spectrogram; silence is no
            brighter than the darkest.
        num_channels: A, channels of the waveforms that it takes.
        band_hz: the frequency of each band, ascending, for the axis of a spectrogram; (): bands have none.
        cut: waveform, L >= `window_samples`, and hop in samples -> features [..., W, *feature_shape] of all whole
            windows, where that is faster than one window after the other; None: they are computed one by one.
        hop_unit_samples: hops are multiples of it.
    """

    id: str
    sample_rate_hz: int
    window_samples: int
    hop_samples: int
    frame_samples: int
    feature_shape: Tuple[int, ...]
    energies: TensorFunction
    compress: TensorFunction
    display_range: Tuple[float, float]
    num_channels: int = 1
    band_hz: Tuple[float, ...] = ()
    cut: Optional[Callable[[tf.Tensor, int], tf.Tensor]] = None
    hop_unit_samples: int = 1

    @property
    def num_frames(self) -> int:
        """T, frames of a window."""
        return self._shape_of_channel[0]

    @property
    def num_bands(self) -> int:
        """F, frequency bands."""
        return math.prod(self._shape_of_channel[1:])

    @property
    def _shape_of_channel(self) -> Tuple[int, ...]:
        return self.feature_shape if self.num_channels == 1 else self.feature_shape[1:]

    @property
    def window_seconds(self) -> float:
        return self.window_samples / self.sample_rate_hz

    @property
    def hop_seconds(self) -> float:
        return self.hop_samples / self.sample_rate_hz

    def with_hop(self, seconds: float) -> "FrontEnd":
        """The same features, of windows that begin so many seconds apart, to the nearest hop that there can be.

        The id names the hop if it is another one.

        Args:
            seconds: at least 0; 0: as they are. Less than a window: windows overlap. More: some audio is in none.
        """
        if not seconds:
            return self
        unit = self.hop_unit_samples
        return self.with_hop_samples(unit * max(1, round(seconds * self.sample_rate_hz / unit)))

    def with_hop_samples(self, samples: int) -> "FrontEnd":
        """The same with a hop in samples, a multiple of `hop_unit_samples`."""
        if samples == self.hop_samples:
            return self
        return dataclasses.replace(self, id=f"{self.id}{HOP_MARK}{samples}", hop_samples=samples)

    def spectrogram(self, waveform: tf.Tensor) -> tf.Tensor:
        """A waveform in [-1, 1], L >= `frame_samples` -> compressed energies, [..., N, F]."""
        return self.compress(self.energies(waveform))

    def arrange(self, spectrogram: tf.Tensor) -> tf.Tensor:
        """Compressed energies [..., N, F] -> features as networks take them, [..., N, F] or [..., N, F / C, C].

        Channel c of the C has the bands from c F / C on.
        """
        shape = self._shape_of_channel[1:]
        if len(shape) == 1:
            return spectrogram
        return tf.stack(tf.split(spectrogram, shape[1], axis=-1), axis=-1)

    def features_of(self, energies: tf.Tensor) -> tf.Tensor:
        """Energies [..., N, F] -> features, as `arrange` gives them."""
        return self.arrange(self.compress(energies))

    def features(self, waveform: tf.Tensor) -> tf.Tensor:
        """A waveform in [-1, 1], L >= `frame_samples` -> features of all frames, as `arrange` gives them.

        `window_samples` give one window, [..., *feature_shape].
        """
        return self.features_of(self.energies(waveform))

    def windows(self, waveform: tf.Tensor) -> tf.Tensor:
        """A waveform in [-1, 1] -> features of all whole windows, [..., W, *feature_shape].

        An incomplete last window is dropped; of a waveform shorter than a window there is none.
        """
        if self.cut is not None:
            return self.cut(waveform, self.hop_samples)
        axis = -1 if self.num_channels == 1 else -2
        return self.features(tf.signal.frame(waveform, self.window_samples, self.hop_samples, axis=axis))

    def num_windows(self, num_samples: Any) -> tf.Tensor:
        """How many whole windows fit into signals of these lengths; at least 1, because a shorter one is padded."""
        return tf.maximum(1, 1 + tf.math.floordiv(num_samples - self.window_samples, self.hop_samples))

    def window_starts(self, count: tf.Tensor) -> tf.Tensor:
        """The first sample of each of `count` successive windows, int32 [count]."""
        return tf.range(count) * self.hop_samples
