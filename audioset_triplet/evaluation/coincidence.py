"""How well a trained network says what coincides, on recordings that it has not seen (Jansen et al. 2020, section 3.1).

Moments (a window, a companion and, of videos, a picture near it) are drawn from each clip, and all pairs of them are
scored, as in training. Both kinds of pairs weigh the same, however many there are: p is the probability of a pair that
is as likely to coincide as not.
"""

import collections
import dataclasses
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf
from scipy.special import expit
from tqdm import tqdm

from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import ranking
from audioset_triplet.frontend import mel
from audioset_triplet.losses.coincidence import Timestamps, find_pairs
from audioset_triplet.models import heads, networks
from audioset_triplet.models.coincidence import build_submodels
from audioset_triplet.records import reading
from audioset_triplet.runs import checkpoints, run_config
from audioset_triplet.sampling import windows

NUM_BINS = 10
_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Bin:
    """The pairs of which the network says about the same."""

    said: float  # the mean of their p
    found: float  # the share of them that coincides
    share: float  # of all pairs


@dataclasses.dataclass(frozen=True)
class Coincidence:
    """What the scores of all pairs of N moments are worth."""

    scores: np.ndarray  # float32 [N, N]
    coincide: np.ndarray  # bool [N, N]
    apart: np.ndarray  # bool [N, N]
    auc: float
    auc_of_other_classes: Optional[float]  # of the pairs apart only those without a common label; None: no labels
    equal_error_rate: float
    calibration_error: float  # the mean of |said - found| over all pairs
    bins: List[Bin]  # by p, from 0 to 1 in steps of a tenth; of empty ones there is none


@dataclasses.dataclass(frozen=True)
class Sample:
    """N moments of some clips, and what a network makes of them."""

    clip_ids: List[str]
    labels: List[Tuple[int, ...]]
    waveforms: np.ndarray  # int16 [N, 15600]
    pictures: Optional[np.ndarray]  # uint8 [N, S, S, 3]
    results: Dict[str, Coincidence]  # av and aa, as far as the network has them


def measure(workdir: str, data: str, folds: Tuple[int, ...], num_moments: int, passes: int, seed: int) -> Sample:
    """Scores moments of some clips by the networks of a stage.

    Args:
        workdir: of the stage.
        data: globs of TFRecord files, separated by commas.
        folds: only clips of these; empty: all.
        num_moments: at most so many.
        passes: how many moments of each clip.
        seed: of the draw.

    Raises:
        UserError: no run or no checkpoint of it, no coincidence in it, no clip; records that the run cannot use.
    """
    config = run_config.read_as(workdir, CoincidenceConfig)
    kinds = [kind for kind in ("av", "aa") if getattr(config.terms, f"{kind}_weight")]
    if not kinds:
        raise UserError(f"{workdir}: this run learned no coincidence.")
    parts = build_submodels(config, networks.feature_shape(config.network))
    parts.pop(heads.CLUSTER_HEAD, None)
    checkpoints.restore_submodels(parts, workdir, config)
    drawn = _draw(config, data, folds, num_moments, passes, seed)

    windows_of = [_embedded(parts["network"], drawn["pcm"][:, which], _log_mel) for which in (0, 1)]
    always = np.ones_like(drawn["has_companion"])
    heard = [
        Timestamps(drawn["recording"], drawn["seconds"][:, which], exists)
        for which, exists in enumerate((always, drawn["has_companion"]))
    ]
    results = {}
    for kind in kinds:
        if kind == "av":
            others = _embedded(parts["image_network"], drawn["picture"], tf.identity)
            seen = Timestamps(drawn["recording"], drawn["picture_seconds"], drawn["has_picture"])
        else:
            others, seen = windows_of[1], heard[1]
        pairs = find_pairs(heard[0], seen, config.terms.coincidence_seconds)
        scores = parts[f"{kind}_head"]((windows_of[0], others)).numpy()
        results[kind] = judge(scores, pairs.positive.numpy(), pairs.negative.numpy(), drawn["labels"])
    clip_ids = [clip_id.decode() for clip_id in drawn["clip_id"]]
    return Sample(clip_ids, drawn["labels"], drawn["pcm"][:, 0], drawn.get("picture"), results)


def judge(scores: np.ndarray, coincide: np.ndarray, apart: np.ndarray, labels: List[Tuple[int, ...]]) -> Coincidence:
    """The metrics of the scores of pairs.

    Args:
        scores: [N, N].
        coincide, apart: bool [N, N].
        labels: [N], those of each clip; empty where it has none.

    Raises:
        UserError: no pair coincides, or none does not.
    """
    if not coincide.any() or not apart.any():
        raise UserError(
            "there are no pairs to be told apart: coincidence needs several recordings, longer than a window."
        )
    counts = coincide | apart
    weights = np.where(coincide, 0.5 / coincide.sum(), 0.5 / apart.sum())[counts]
    said = expit(scores[counts].astype(np.float64))
    bins = _bins(said, coincide[counts], weights)
    return Coincidence(
        scores=scores,
        coincide=coincide,
        apart=apart,
        auc=ranking.roc_auc(scores[counts], coincide[counts]),
        auc_of_other_classes=_auc_of_other_classes(scores, coincide, apart, labels),
        equal_error_rate=ranking.equal_error_rate(scores[counts], coincide[counts]),
        calibration_error=float(sum(one.share * abs(one.said - one.found) for one in bins)),
        bins=bins,
    )


def numbers(result: Coincidence) -> Dict[str, float]:
    """The metrics by name, those that there are."""
    names = ("auc", "auc_of_other_classes", "equal_error_rate", "calibration_error")
    return {name: value for name in names for value in [getattr(result, name)] if value is not None}


def _bins(said: np.ndarray, coincide: np.ndarray, weights: np.ndarray) -> List[Bin]:
    numbers = np.minimum((said * NUM_BINS).astype(int), NUM_BINS - 1)
    shares, sums, hits = (
        np.bincount(numbers, weights * values, NUM_BINS) for values in (np.ones_like(said), said, coincide)
    )
    return [Bin(total / share, hit / share, share) for share, total, hit in zip(shares, sums, hits) if share > 0]


def _auc_of_other_classes(
    scores: np.ndarray, coincide: np.ndarray, apart: np.ndarray, labels: List[Tuple[int, ...]]
) -> Optional[float]:
    classes = sorted({label for own in labels for label in own})
    has = np.array([np.isin(classes, own) for own in labels]).reshape(len(labels), -1).astype(np.float32)
    other = apart & (has @ has.T == 0) & (has.any(1)[:, None] & has.any(1))
    if not other.any():
        return None
    counts = coincide | other
    return ranking.roc_auc(scores[counts], coincide[counts])


def _draw(
    config: CoincidenceConfig, data: str, folds: Tuple[int, ...], num_moments: int, passes: int, seed: int
) -> Dict[str, Any]:
    """The moments, each of `windows.moments`' tensors as one array; `labels` as a list."""
    files = reading.expand_globs(data)
    with_frames = config.terms.av_weight > 0
    image_size = config.image.image_size if with_frames else 0
    found: Dict[str, List[Any]] = collections.defaultdict(list)
    with reading.named_errors(files, with_frames):
        clips = reading.read_clips(files, folds, deterministic=True, with_frames=with_frames).repeat(passes)
        moments = windows.moments(clips, seed, config.terms.coincidence_seconds, image_size).take(num_moments)
        for moment in tqdm(moments, desc="drawing moments", unit="", disable=None, leave=False):
            for name, value in moment.items():
                found[name].append(value.numpy())
    if not found:
        raise UserError(f"{data} holds no clip{' of fold ' if folds else ''}{', '.join(map(str, folds))}.")
    labels = [tuple(own.tolist()) for own in found.pop("labels")]
    return {**{name: np.stack(values) for name, values in found.items()}, "labels": labels}


def _log_mel(pcm: tf.Tensor) -> tf.Tensor:
    return mel.log_mel(mel.mel_energies(mel.pcm_to_waveform(pcm)))


def _embedded(network: tf.keras.Model, inputs: np.ndarray, prepare: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    embed = tf.function(lambda batch: network(prepare(batch), training=False), reduce_retracing=True)
    parts = tf.data.Dataset.from_tensor_slices(inputs).batch(_BATCH)
    return tf.concat([embed(batch) for batch in tqdm(parts, desc="embedding", disable=None, leave=False)], axis=0)
