"""What networks start from, and which evaluated clips a start has learned from."""

from typing import Dict, Optional, Sequence, Set

from audioset_triplet import named_values
from audioset_triplet.clips import ClipInfo
from audioset_triplet.config.instances import InstanceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.records import clip_labels
from audioset_triplet.runs import instances, manifest, run_config

SCRATCH = "scratch"  # the start with random weights
FOLD = "{fold}"  # in the folder of a start: the number of the held-out fold


def parse(starts: Sequence[str]) -> Dict[str, str]:
    """Name -> folder of a run, in which FOLD may stand, or a file of weights; empty for SCRATCH.

    Raises:
        UserError: what `named_values.named` raises.
    """
    return named_values.named("starts", starts, value="RUN", alone=SCRATCH)


def is_imagenet(folder: str) -> bool:
    """Whether a start is not a folder but a file of weights (`models.imagenet_weights`)."""
    return folder.endswith(".h5")


def folder_of(folder: str, split: str) -> str:
    """The folder of a start for the network that does not learn from a split (fold4)."""
    return folder.replace(FOLD, split.removeprefix("fold"))


def num_learned(workdir: str, evaluated: Sequence[ClipInfo]) -> Optional[int]:
    """How many of the evaluated clips a run has learned from, with or without labels.

    None: it is not known, because the run was restricted to some clips, or its records are gone.

    Args:
        workdir: the run directory; empty: no run, which has learned from none.
        evaluated: the clips.
    """
    if not workdir:
        return 0
    learned = _learned(workdir)
    return None if learned is None else sum(clip.clip_id in learned for clip in evaluated)


def _learned(workdir: str) -> Optional[Set[str]]:
    config = run_config.read(workdir)
    if isinstance(config, InstanceConfig):
        return set(instances.read(workdir))
    if "clips" in manifest.read(workdir):
        return None
    try:
        return {clip.clip_id for clip in clip_labels.read(config.data.data, config.data.folds)}
    except (UserError, OSError):
        return None
