"""The frame labels that a classifier learns from (`--frame_labels`): the clips they leave, and what does not match."""

import sys
from typing import List, NamedTuple, Sequence

from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.classifier import NEGATIVE, ClassifierConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.runs.classes import Classes
from audioset_triplet.sampling import kept_windows
from audioset_triplet.sampling.kept_windows import KeptWindows
from audioset_triplet.store import frame_labels


class FrameLabels(NamedTuple):
    """The windows that keep labels, and the clips to learn from."""

    windows: KeptWindows
    clips: List[ClipInfo]
    digest: str  # of the file


def read(config: ClassifierConfig, clips: Sequence[ClipInfo]) -> FrameLabels:
    """Reads the file of `config.labels`, and prints on stderr what it has and what does not match.

    A clip that the file lacks, or to which it gives other labels than the records, keeps its labels at every window.
    A clip none of whose windows keeps a label is left out.

    Raises:
        UserError: what `kept_windows.read` raises.
    """
    path = config.labels.frame_labels
    front_end = registry.by_name(config.network.front_end)
    kept = kept_windows.read(path, clips, front_end, config.labels.dropped_windows == NEGATIVE)
    left_out = set(kept.clips_without_window)
    num_unmatched = len(clips) - len(kept.clip_ids) - len(left_out)
    lines = [f"{len(kept.clip_ids)} clips with {len(kept.start_samples)} windows to draw from"]
    if num_unmatched:
        lines.append(
            f"{num_unmatched} more clips are not in it, or have other labels there: they keep their labels throughout"
        )
    if left_out:
        lines.append(f"{len(left_out)} clips have no window that keeps a label: they are left out")
    if kept.num_other_clips:
        lines.append(f"{kept.num_other_clips} of its clips are not learned from")
    print(f"{path}: {'; '.join(lines)}.", file=sys.stderr)
    return FrameLabels(kept, [clip for clip in clips if clip.clip_id not in left_out], frame_labels.digest(path))


def require_loss(config: ClassifierConfig, known: Classes) -> None:
    """Raises a UserError where windows without a label would count in a softmax, in which every window has a class."""
    if config.labels.dropped_windows == NEGATIVE and known.loss == "softmax":
        raise UserError(
            "--dropped_windows=negative needs --loss=sigmoid: in a softmax every window has a class, and these have "
            "none."
        )
