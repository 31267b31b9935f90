"""A model of others as a `WindowModel`: its function, what flags add to it, and checks that both fit together.

Windows are cut by this project, as for its own models: a window as long as the model's own gives one vector. VGGish and
YAMNet give for a recording what they give for each of these windows. All checks are made when the model is opened, on a
window of silence and one of noise.

Shapes: R windows, L samples, C channels, D embedding size.
"""

import hashlib
import os
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet import __version__
from audioset_triplet.config.embedding import EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export.waveform_function import WaveformFunction
from audioset_triplet.frontend import loudness
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.part_info import PartInfo

_EMBEDDINGS = ("embedding", "embeddings")  # outputs of these names need no flag
_NUM_LISTED = 20  # inner tensors in an error
_BATCH_TOLERANCE = 1e-4  # a window alone and in a batch, relative to the largest value
_LONGEST_SECONDS = 64  # of the windows that are tried for advice


class ForeignModel:
    """A function of others that gives one vector per window.

    Raises:
        UserError: its outputs, its windows and the flags do not fit together; the message says what would.
    """

    def __init__(self, config: EmbeddingModelConfig, function: WaveformFunction) -> None:
        self._function = function
        self.num_channels = config.channels
        self.sample_rate_hz = config.sample_rate_hz or _default_rate_hz(function, config)
        self.window_samples = self._window_samples(config)
        self.hop_samples = self._hop_samples(config)
        self.hop_seconds = self.hop_samples / self.sample_rate_hz

        silence, noise = np.zeros_like(self._noise(self.window_samples)), self._noise(self.window_samples)
        self.output_name = self._choose_output(config.output_name, self._shapes(self.window_samples))
        alone = np.concatenate([self._vectors(window[np.newaxis]) for window in (silence, noise)])
        if np.array_equal(alone[0], alone[1]) or not np.isfinite(alone[1]).all():
            raise UserError(
                f"{function.name}: output {self.output_name} gives no finite vector for noise, or the same as for "
                "silence: choose another with --output_name."
            )
        self.windows_per_call = self._largest_batch(np.stack([silence, noise]), alone)

        name, size = os.path.basename(os.path.abspath(config.model)), alone.shape[1]
        digest = hashlib.sha256(f"{function.digest} {self.output_name}".encode()).hexdigest()[:12]
        model_id = f"{name[:-7] if name.endswith('.tflite') else name}-{size}-{digest}"
        channels = f"-{self.num_channels}-channels" if self.num_channels > 1 else ""
        front_end_id = f"waveform-{self.sample_rate_hz}-{self.window_samples}-{self.hop_samples}{channels}"
        self.info: PartInfo = StoreInfo(model_id, front_end_id, size, __version__)

    @property
    def front_end_id(self) -> str:
        return self.info.front_end_id

    @property
    def description(self) -> str:
        """One line: what is taken from the model, for a person to check."""
        return (
            f"{self._function.name}: output {self.output_name}, {self.info.vector_size} numbers per "
            f"{self.window_samples / self.sample_rate_hz:g} s every {self.hop_seconds:g} s, {self.sample_rate_hz} Hz"
        )

    def window_vectors(self, windows: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
        """R windows, float32 [L], or [L, C] -> unit embeddings [R, D] and positive weights [R].

        A vector of zeros, which has no direction, stays one; one that is not finite becomes NaN.
        """
        if not windows:
            return np.zeros([0, self.info.vector_size], np.float32), np.zeros([0], np.float32)
        stacked = np.stack(windows)
        step = self.windows_per_call or len(stacked)
        parts = [self._vectors(stacked[start : start + step]) for start in range(0, len(stacked), step)]
        vectors = np.concatenate(parts).astype(np.float64)  # whose squares float32 may not hold
        with np.errstate(invalid="ignore", divide="ignore"):
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors /= np.where(norms == 0, 1, norms)
        return vectors.astype(np.float32), loudness.weights_of_windows(stacked, self)

    def _vectors(self, windows: np.ndarray) -> np.ndarray:
        """The windows of one call -> vectors [R, D], as the model gives them."""
        outputs, count = self._run(windows)
        return outputs[self.output_name].reshape(count, -1)[: len(windows)]

    def _run(self, windows: np.ndarray) -> Tuple[Dict[str, np.ndarray], int]:
        """The outputs for the windows of one call, and for how many windows: silent ones fill a batch of fixed size."""
        layout = self._function.layout
        count = layout.batch_size or len(windows)
        filling = [(0, count - len(windows))] + [(0, 0)] * (windows.ndim - 1)
        return self._function.run(layout.arrange(np.pad(windows, filling))), count

    def _window_samples(self, config: EmbeddingModelConfig) -> int:
        fixed = self._function.layout.num_samples
        window_samples = round((config.window_seconds or config.DEFAULT_WINDOW_SECONDS) * self.sample_rate_hz)
        if fixed is None:
            return window_samples
        seconds = f"{fixed} samples, {fixed / self.sample_rate_hz:g} s at {self.sample_rate_hz} Hz"
        if config.window_seconds and window_samples != fixed:
            raise UserError(
                f"{self._function.name} takes {seconds}: leave out --window_seconds={config.window_seconds:g}, or give "
                "its rate as --sample_rate_hz."
            )
        if fixed < loudness.block_samples(self):
            raise UserError(f"{self._function.name} takes {seconds}: too short for a window of audio.")
        return fixed

    def _hop_samples(self, config: EmbeddingModelConfig) -> int:
        hop_seconds = config.hop_seconds
        if not hop_seconds:
            is_default = self.window_samples == round(config.DEFAULT_WINDOW_SECONDS * self.sample_rate_hz)
            hop_seconds = config.DEFAULT_HOP_SECONDS if is_default else self.window_samples / self.sample_rate_hz
        return max(1, round(hop_seconds * self.sample_rate_hz))

    def _noise(self, num_samples: int) -> np.ndarray:
        shape = (num_samples,) if self.num_channels == 1 else (num_samples, self.num_channels)
        return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)

    def _shapes(self, num_samples: int) -> Dict[str, Tuple[int, ...]]:
        """Output -> its shape for one window of noise, without axes of length 1: (D,) is a vector, (n, D) are n."""
        outputs, count = self._run(self._noise(num_samples)[np.newaxis])
        return {name: _shape_per_window(array.shape, count) for name, array in outputs.items()}

    def _largest_batch(self, windows: np.ndarray, alone: np.ndarray) -> Optional[int]:
        """How many windows a call takes; None: any number. One, where a batch gives other vectors than `alone`."""
        if self._function.layout.batch_size is not None:
            return self._function.layout.batch_size
        try:
            outputs, _ = self._run(windows)
            together = outputs[self.output_name].reshape(alone.shape)
        except (UserError, ValueError):
            return 1
        tolerance = _BATCH_TOLERANCE * np.nanmax(np.abs(alone))
        return None if np.allclose(together, alone, rtol=0, atol=tolerance, equal_nan=True) else 1

    def _choose_output(self, name: str, shapes: Dict[str, Tuple[int, ...]]) -> str:
        """The output that holds the embeddings, given the shapes of all outputs."""
        where = self._function.name
        if name and name not in shapes:
            raise UserError(
                f"{where} has no output {name}; {_listed(shapes)}{self._inner_vectors()}: see --output_name."
            )
        vectors = [key for key, shape in shapes.items() if _is_vector(shape)]
        scores = [key for key in vectors if shapes[key] == (self._function.num_classes,)]
        others = [key for key in vectors if key not in scores]
        named = [key for key in shapes if key in _EMBEDDINGS]
        for candidates in ([name] if name else [], named, others, vectors, list(shapes)):
            if len(candidates) == 1:
                (chosen,) = candidates
                if not _is_vector(shapes[chosen]):
                    raise UserError(f"{where}: {self._advice(chosen, shapes[chosen])}")
                return chosen
        if not vectors:
            counts = {key: shape for key, shape in shapes.items() if len(shape) == 2}
            fewest = min(counts or shapes, key=lambda key: shapes[key], default="")
            reason = self._advice(fewest, shapes[fewest]) if fewest else "it has no float output."
            raise UserError(f"{where}: {reason}")
        raise UserError(f"{where} has several outputs; {_listed(shapes)}: choose one with --output_name.")

    def _inner_vectors(self) -> str:
        """The last inner tensors that hold a vector, as text."""
        inner = {name: _shape_per_window(shape, 1) for name, shape in self._function.inner_shapes().items()}
        texts = [f"{name} {list(shape)}" for name, shape in inner.items() if _is_vector(shape)]
        return f"; inner tensors: {', '.join(texts[-_NUM_LISTED:])}" if texts else ""

    def _advice(self, name: str, shape: Tuple[int, ...]) -> str:
        """Why an output is not one vector, and which window gives one."""
        seconds = f"{self.window_samples / self.sample_rate_hz:g} s"
        if len(shape) != 2:
            return f"output {name} has the shape {list(shape)} for a window of {seconds}, not one vector."
        found = None if self._function.layout.num_samples else self._window_of_one_vector(name, shape[0])
        text = f"output {name} gives {shape[0]} vectors for a window of {seconds}, not one"
        return f"{text}; give --window_seconds={found / self.sample_rate_hz:.8g}." if found else f"{text}."

    def _window_of_one_vector(self, name: str, count: int) -> Optional[int]:
        """Samples of a window that gives one vector: the default, else the longest or shortest; None: not found."""

        def num_vectors(num_samples: int) -> int:
            try:
                shape = self._shapes(num_samples)[name]
            except UserError:  # too short for its frames
                return 0
            return 1 if _is_vector(shape) else shape[0] if len(shape) == 2 else 0

        default = round(EmbeddingModelConfig.DEFAULT_WINDOW_SECONDS * self.sample_rate_hz)
        if num_vectors(default) == 1:
            return default
        # Between `few` and `many` samples the number of vectors passes the limit.
        few, many, limit = 1, self.window_samples, 2 if count > 1 else 1
        while num_vectors(many) < limit:
            few, many = many, 2 * many
            if many > _LONGEST_SECONDS * self.sample_rate_hz:
                return None
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (middle, many) if num_vectors(middle) < limit else (few, middle)
        found = few if count > 1 else many
        return found if num_vectors(found) == 1 else None


def _default_rate_hz(function: WaveformFunction, config: EmbeddingModelConfig) -> int:
    """The default, unless the length of the input is not that of the models that have it."""
    rate, fixed = config.DEFAULT_SAMPLE_RATE_HZ, function.layout.num_samples
    lengths = [round(seconds * rate) for seconds in (config.DEFAULT_WINDOW_SECONDS, config.DEFAULT_HOP_SECONDS)]
    if fixed is not None and fixed not in lengths:
        raise UserError(
            f"{function.name} takes {fixed} samples and does not say at which rate: give it as --sample_rate_hz "
            f"(with {rate} a window is {fixed / rate:g} s)."
        )
    return rate


def _listed(shapes: Dict[str, Tuple[int, ...]]) -> str:
    return f"its outputs for a window: {', '.join(f'{name} {list(shape)}' for name, shape in sorted(shapes.items()))}"


def _shape_per_window(shape: Tuple[int, ...], count: int) -> Tuple[int, ...]:
    """The shape of an output of `count` windows -> of one of them, without axes of length 1; () if it has none."""
    if count > 1:
        if not shape or shape[0] % count:
            return ()
        shape = (shape[0] // count, *shape[1:])
    sizes: List[int] = [int(size) for size in shape if size != 1]
    return tuple(sizes)


def _is_vector(shape: Tuple[int, ...]) -> bool:
    return len(shape) == 1 and shape[0] > 1
