"""Coincidence prediction on held-out recordings (Jansen et al. 2020, section 3.1).

Examples (a window, a positive window and, of videos, an image near it) are drawn from each clip. All pairs of two
examples are scored, as in training. Positive pairs coincide: they are near each other in one recording. Positive and
negative pairs have the same total weight, however many there are: p is a probability under even prior odds.

Shapes: N examples, S image size.
"""

import collections
import dataclasses
import functools
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf
from scipy.special import expit

from audioset_triplet.clips import digest
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.evaluation import CoincidenceEvaluationConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import calibration, ranking
from audioset_triplet.evaluation.calibration import Bin
from audioset_triplet.frontend import registry
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.losses.coincidence import Timestamps, find_pairs
from audioset_triplet.media import pcm as samples
from audioset_triplet.models import networks
from audioset_triplet.models.coincidence import build_submodels
from audioset_triplet.models.heads import CLUSTER_HEAD
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.records import clip_labels, globs, reading
from audioset_triplet.runs import checkpoints, run_config
from audioset_triplet.sampling import window_draws, windows

_BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class PairMetrics:
    """The scores of all pairs of N examples, and their metrics."""

    scores: np.ndarray  # float32 [N, N], logits
    positive: np.ndarray  # bool [N, N]
    negative: np.ndarray  # bool [N, N]
    auc: float
    auc_of_other_classes: Optional[float]  # with the negative pairs of clips without a common label; None: no labels
    equal_error_rate: float
    calibration_error: float  # weighted mean of |predicted - observed| over the bins
    bins: List[Bin]  # by p, from 0 to 1 in steps of 0.1; empty ones are left out

    def numbers(self) -> Dict[str, float]:
        """The metrics by name."""
        names = ("auc", "auc_of_other_classes", "equal_error_rate", "calibration_error")
        return {name: value for name in names for value in [getattr(self, name)] if value is not None}


@dataclasses.dataclass(frozen=True)
class CoincidenceResult:
    """N examples, and the metrics of their pairs by the heads of a network."""

    config: CoincidenceEvaluationConfig
    workdir: str  # of the network
    stage: CoincidenceConfig  # of the network
    clip_ids: List[str]  # [N]
    labels: List[Tuple[int, ...]]  # [N]
    class_names: Dict[int, str]
    waveforms: np.ndarray  # int16 [N, window samples]
    images: Optional[np.ndarray]  # uint8 [N, S, S, 3]
    pairs: Dict[str, PairMetrics]  # head (av: window and image, aa: two windows) -> its metrics

    def numbers(self) -> Dict[str, Any]:
        """All numbers under flat keys (coincidence/av/auc), with the number of clips and examples, and the seed."""
        metrics = {
            f"coincidence/{head}/{name}": value
            for head, pairs in self.pairs.items()
            for name, value in pairs.numbers().items()
        }
        about = {"clips": self.num_clips, "clips_digest": self.clips_digest, "examples": len(self.clip_ids)}
        return {**metrics, **about, "seed": self.config.seed}

    @property
    def num_clips(self) -> int:
        """How many clips the examples are from."""
        return len(set(self.clip_ids))

    @property
    def clips_digest(self) -> str:
        """The digest of the ids of these clips."""
        return digest(self.clip_ids)


def evaluate(config: CoincidenceEvaluationConfig, workdir: str, data: str) -> CoincidenceResult:
    """Scores pairs of examples by the networks of a stage.

    Args:
        config: which clips, how many examples, and the seed of the draw.
        workdir: of the stage.
        data: globs of TFRecord files, separated by commas.

    Raises:
        UserError: no run or no checkpoint of it, a run without coincidence, no clip, or records that the run cannot
            use.
    """
    stage = run_config.read_as(workdir, CoincidenceConfig)
    heads = [head for head in ("av", "aa") if getattr(stage.terms, f"{head}_weight")]
    if not heads:
        raise UserError(f"{workdir}: this run did not learn coincidence: --av_weight and --aa_weight are 0.")
    globs.expand(data)  # before the networks are restored, which takes long
    submodels = build_submodels(stage, networks.feature_shape(stage.network))
    submodels.pop(CLUSTER_HEAD, None)
    checkpoints.restore_submodels(submodels, workdir, stage)
    drawn = _draw(config, stage, data)

    compute = functools.partial(_features, registry.by_name(stage.network.front_end))
    embeddings = [_embedded(submodels["network"], drawn["pcm"][:, side], compute) for side in (0, 1)]
    window_exists = (np.ones_like(drawn["has_positive_window"]), drawn["has_positive_window"])
    window_times = [Timestamps(drawn["recording"], drawn["seconds"][:, side], window_exists[side]) for side in (0, 1)]
    pairs = {}
    for head in heads:
        if head == "av":
            others = _embedded(submodels["image_network"], drawn["image"], tf.identity)
            times = Timestamps(drawn["recording"], drawn["image_seconds"], drawn["has_image"])
        else:
            others, times = embeddings[1], window_times[1]
        kinds = find_pairs(window_times[0], times, stage.terms.coincidence_seconds)
        scores = submodels[f"{head}_head"]((embeddings[0], others)).numpy()
        pairs[head] = measure(scores, kinds.positive.numpy(), kinds.negative.numpy(), drawn["labels"])
    clip_ids = [clip_id.decode() for clip_id in drawn["clip_id"]]
    drawn_ids = set(clip_ids)
    clips = [clip for clip in clip_labels.read(data, config.folds) if clip.clip_id in drawn_ids]
    return CoincidenceResult(
        config=config,
        workdir=workdir,
        stage=stage,
        clip_ids=clip_ids,
        labels=drawn["labels"],
        class_names=clip_labels.class_names(clips),
        waveforms=drawn["pcm"][:, 0],
        images=drawn.get("image"),
        pairs=pairs,
    )


def measure(
    scores: np.ndarray, positive: np.ndarray, negative: np.ndarray, labels: List[Tuple[int, ...]]
) -> PairMetrics:
    """The metrics of the scores of pairs.

    Args:
        scores: [N, N], logits.
        positive, negative: bool [N, N]; pairs that are neither are left out.
        labels: [N], those of each clip; empty where it has none.

    Raises:
        UserError: no positive or no negative pair.
    """
    if not positive.any() or not negative.any():
        raise UserError("coincidence needs positive and negative pairs: several recordings, each longer than a window.")
    counted = positive | negative
    weights = np.where(positive, 0.5 / positive.sum(), 0.5 / negative.sum())[counted]
    predicted = expit(scores[counted].astype(np.float64))
    bins = calibration.reliability(predicted, positive[counted], weights)
    return PairMetrics(
        scores=scores,
        positive=positive,
        negative=negative,
        auc=ranking.roc_auc(scores[counted], positive[counted]),
        auc_of_other_classes=_auc_of_other_classes(scores, positive, negative, labels),
        equal_error_rate=ranking.equal_error_rate(scores[counted], positive[counted]),
        calibration_error=calibration.error(bins),
        bins=bins,
    )


def _auc_of_other_classes(
    scores: np.ndarray, positive: np.ndarray, negative: np.ndarray, labels: List[Tuple[int, ...]]
) -> Optional[float]:
    classes = sorted({label for row_labels in labels for label in row_labels})
    has_class = np.array([np.isin(classes, row_labels) for row_labels in labels]).reshape(len(labels), -1)
    has_class = has_class.astype(np.float32)
    is_labelled = has_class.any(axis=1)
    negative = negative & (has_class @ has_class.T == 0) & is_labelled[:, None] & is_labelled
    if not negative.any():
        return None
    counted = positive | negative
    return ranking.roc_auc(scores[counted], positive[counted])


def _draw(config: CoincidenceEvaluationConfig, stage: CoincidenceConfig, data: str) -> Dict[str, Any]:
    """The examples, each tensor of `windows.audio_visual_pairs` as one array; `labels` as a list."""
    files = globs.expand(data)
    with_frames = stage.terms.av_weight > 0
    image_size = stage.image.image_size if with_frames else 0
    columns: Dict[str, List[Any]] = collections.defaultdict(list)
    front_end = registry.by_name(stage.network.front_end)
    window_draws.require_records(files, front_end)
    with reading.named_errors(files, with_frames), window_draws.naming_unusable_clips():
        clips = reading.read_clips(files, config.folds, True, with_frames, front_end.num_channels)
        clips = clips.repeat(config.examples_per_clip)
        examples = windows.audio_visual_pairs(
            clips, front_end, config.seed, stage.terms.coincidence_seconds, image_size
        )
        examples = examples.take(config.num_examples)
        for example in progress_bar(examples, "drawn", "examples", leave=False):
            for name, value in example.items():
                columns[name].append(value.numpy())
    if not columns:
        clip_labels.read(data, config.folds)  # says which folds there are
        raise UserError(f"{data}: no example can be drawn from its clips.")
    labels = [tuple(row_labels.tolist()) for row_labels in columns.pop("labels")]
    return {**{name: np.stack(values) for name, values in columns.items()}, "labels": labels}


def _features(front_end: FrontEnd, pcm: tf.Tensor) -> tf.Tensor:
    return front_end.features(samples.tensor_to_waveform(pcm))


def _embedded(network: tf.keras.Model, inputs: np.ndarray, prepare: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    embed = tf.function(lambda batch: network(prepare(batch), training=False), autograph=False, reduce_retracing=True)
    batches = tf.data.Dataset.from_tensor_slices(inputs).batch(_BATCH_SIZE)
    return tf.concat([embed(batch) for batch in progress_bar(batches, "embedding", "batches", leave=False)], axis=0)
