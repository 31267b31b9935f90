"""A network -> a SavedModel that maps waveforms to embeddings, scores or both, and is loaded without this project.

    model = tf.saved_model.load(folder)
    model(waveform)["embedding"]                     # float32 [B, L] or [L] in [-1, 1], at the model's sample rate
    model(waveform, num_samples)["embedding"]        # int32 [B]: later samples are ignored
    model(waveform)["scores"]                        # of a classifier: the probability of each class
    model.signatures["serving_default"](waveform=..., num_samples=...)
    model.front_end()                                # sample_rate_hz, num_channels, window_samples, hop_samples
    model.classes()                                  # of a classifier: indices, names

Samples that are not finite are not detected: `experiments.embed` rejects such files before.

Waveforms of a front end with A audio channels are [B, L, A] or [L, A].

Shapes: B clips, L samples, W windows, D embedding size, C classes.
"""

import os
from types import MappingProxyType
from typing import Dict, Mapping, Optional

import numpy as np
import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.errors import UserError, op_reason
from audioset_triplet.export import model_folder, model_record, parity
from audioset_triplet.frontend import loudness
from audioset_triplet.frontend.front_end import FrontEnd


class WaveformModule(tf.Module):
    """Waveforms -> embeddings, scores or both.

    The result is a dictionary:
        embedding: float32 [B, D], the weighted sum of the clip's window embeddings, brought back to unit length.
        window_embeddings: float32 [B, W, D], unit length; zero beyond a clip's own windows.
        scores: float32 [B, C] from 0 to 1, the weighted mean of the clip's window scores.
        window_scores: float32 [B, W, C] from 0 to 1; zero beyond a clip's own windows.
        window_weights: float32 [B, W], positive: loud windows count for more (`frontend.loudness`); zero beyond a
            clip's own windows.
        window_start_seconds: float32 [W].
        num_windows: int32 [B], at least 1: a clip shorter than a window is padded with silence.
    """

    def __init__(self, network: tf.keras.Model, model_id: str, front_end: FrontEnd) -> None:
        super().__init__()
        # The variables and a closure, not the Keras model: else each of its 170 layers is written a second time.
        self.network_variables = list(network.variables)
        self._network = lambda windows: parity.named(network(windows, training=False))
        self._model_id = model_id
        self._front_end = front_end
        # Traced once; every way of calling the model shares it.
        signature = [waveform_spec(front_end, None, None), tf.TensorSpec([None], tf.int32)]
        self._infer = tf.function(self._compute, input_signature=signature, autograph=False)

    @tf.function(input_signature=[], autograph=False)
    def model_id(self) -> tf.Tensor:
        """The name of the model, string []: embeddings of two models are never compared."""
        return tf.constant(self._model_id)

    @tf.function(input_signature=[], autograph=False)
    def front_end_id(self) -> tf.Tensor:
        """The id of the front end, string []."""
        return tf.constant(self._front_end.id)

    @tf.function(input_signature=[], autograph=False)
    def front_end(self) -> Dict[str, tf.Tensor]:
        """The waveforms that the model takes and the windows that it makes of them, int32 [] each."""
        values = model_record.front_end_values(self._front_end)
        return {name: tf.constant(value) for name, value in values.items()}

    @tf.function(autograph=False)
    def __call__(self, waveform: tf.Tensor, num_samples: Optional[tf.Tensor] = None) -> Dict[str, tf.Tensor]:
        if waveform.shape.rank == len(waveform_spec(self._front_end, None).shape):
            waveform = waveform[tf.newaxis]
        if num_samples is None:
            num_samples = tf.fill([tf.shape(waveform)[0]], tf.shape(waveform)[1])
        return self._infer(waveform, num_samples)

    def _compute(self, waveform: tf.Tensor, num_samples: tf.Tensor) -> Dict[str, tf.Tensor]:
        num_samples = tf.clip_by_value(num_samples, 0, tf.shape(waveform)[1])
        inside = tf.sequence_mask(num_samples, tf.shape(waveform)[1])
        channels = list(waveform.shape[2:])
        waveform = tf.where(inside[..., tf.newaxis] if channels else inside, waveform, 0.0)
        missing = tf.maximum(0, self._front_end.window_samples - tf.shape(waveform)[1])
        waveform = tf.pad(waveform, [[0, 0], [0, missing], *([0, 0] for _ in channels)])

        windows = self._front_end.windows(waveform)  # [B, W, *feature_shape]
        batch, count = tf.shape(windows)[0], tf.shape(windows)[1]
        flat = tf.reshape(windows, [-1, *self._front_end.feature_shape])
        num_windows = self._front_end.num_windows(num_samples)
        is_of_clip = tf.sequence_mask(num_windows, count, tf.float32)
        weights = is_of_clip * loudness.weights(waveform, self._front_end.window_starts(count), self._front_end)
        result = {
            "window_weights": weights,
            "window_start_seconds": tf.cast(tf.range(count), tf.float32) * self._front_end.hop_seconds,
            "num_windows": num_windows,
        }
        for name, vectors in self._network(flat).items():
            vectors = tf.reshape(vectors, [batch, count, vectors.shape[-1]]) * is_of_clip[..., tf.newaxis]
            total = tf.einsum("bw,bwd->bd", weights, vectors)
            if name == "embedding":
                result.update(window_embeddings=vectors, embedding=tf.math.l2_normalize(total, axis=1))
            else:
                mean = total / tf.reduce_sum(weights, axis=1, keepdims=True)
                result.update(window_scores=_in_range(vectors), scores=_in_range(mean))
        return result


class ClassifierModule(WaveformModule):
    """A `WaveformModule` that gives scores, and says of which classes."""

    def __init__(
        self, network: tf.keras.Model, model_id: str, front_end: FrontEnd, class_names: Mapping[int, str]
    ) -> None:
        super().__init__(network, model_id, front_end)
        self._class_indices, self._class_names = tuple(class_names), tuple(class_names.values())

    @tf.function(input_signature=[])
    def classes(self) -> Dict[str, tf.Tensor]:
        """The classes of the scores, ascending: their indices, int64 [C], and names, string [C]."""
        return {"indices": tf.constant(self._class_indices, tf.int64), "names": tf.constant(self._class_names)}


def waveform_spec(front_end: FrontEnd, *shape: Optional[int]) -> tf.TensorSpec:
    """Of waveforms [*shape], or [*shape, A] where the front end takes several channels."""
    channels = [front_end.num_channels] if front_end.num_channels > 1 else []
    return tf.TensorSpec([*shape, *channels], tf.float32, "waveform")


def _in_range(scores: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(scores, 0.0, 1.0)  # which rounding may leave


def export(
    network: tf.keras.Model,
    folder: str,
    front_end: FrontEnd,
    origin: Mapping[str, object],
    class_names: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """Writes the SavedModel of a network, loads it again and compares the two.

    Args:
        network: windows [B, *feature_shape] of features -> unit embeddings [B, D]; or -> a dictionary with `scores`
            [B, C], from 0 to 1, and perhaps `embedding`.
        folder: where to write; an older SavedModel there is replaced, anything else is left alone.
        front_end: makes the network's features.
        origin: where the weights come from, kept in model.json beside the graph.
        class_names: class index -> name for each score, ascending; empty: the network gives none.

    Returns:
        The model id.

    Raises:
        UserError: the folder holds something else than a SavedModel, is a file, or cannot be written.
        RuntimeError: the written model does not compute what the network computes.
    """
    model_id = model_record.model_id_of(network, class_names)
    if class_names:
        module: WaveformModule = ClassifierModule(network, model_id, front_end, class_names)
    else:
        module = WaveformModule(network, model_id, front_end)
    batch = waveform_spec(front_end, None, None)
    lengths = tf.TensorSpec([None], tf.int32, "num_samples")
    module.__call__.get_concrete_function(batch)
    module.__call__.get_concrete_function(waveform_spec(front_end, None))
    serving = module.__call__.get_concrete_function(batch, lengths)

    with model_folder.replacing(folder) as written:
        try:
            tf.saved_model.save(module, written, signatures={"serving_default": serving})
        except tf.errors.OpError as error:  # a full disk: TensorFlow writes the weights with an op of its own
            raise UserError(f"{folder}: the model cannot be written: {op_reason(error.message)}") from error
        files.write_json(
            os.path.join(written, model_folder.RECORD),
            {**model_record.of_network(network, model_id, front_end, class_names), **origin},
        )
        _check_parity(network, front_end, written)
    return model_id


def _check_parity(network: tf.keras.Model, front_end: FrontEnd, folder: str) -> None:
    """Compares the written model with the network on two clips: one fades to silence, one is shorter than a window."""
    loaded = tf.saved_model.load(folder)
    shape = waveform_spec(front_end, 2, 3 * front_end.window_samples).shape
    waveform = np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
    waveform[0] = (waveform[0].T * np.linspace(1, 0, shape[1], dtype=np.float32)).T
    num_samples = np.array([waveform.shape[1], front_end.window_samples // 2], np.int32)
    result = loaded(tf.constant(waveform), tf.constant(num_samples))
    waveform[1, num_samples[1] :] = 0
    for clip, count in enumerate(result["num_windows"].numpy()):
        windows = front_end.windows(waveform[clip])[:count]
        weights = loudness.weights(waveform[clip], front_end.window_starts(count), front_end).numpy()
        for name, vectors in parity.network_vectors(network, windows).items():
            total = weights @ vectors
            if name == "embedding":
                expected, of_windows = total / np.linalg.norm(total), result["window_embeddings"]
            else:
                expected, of_windows = total / weights.sum(), result["window_scores"]
            parity.require_equal(name, parity.agreement(vectors, of_windows[clip, :count].numpy()))
            parity.require_equal(name, parity.agreement(expected, result[name][clip].numpy()))
