"""What a classifier says about clips: the scores that metrics are computed from."""

import dataclasses
from typing import Dict, List

import numpy as np


@dataclasses.dataclass(frozen=True)
class ClipScores:
    """What a classifier says about n clips and C classes; a clip's score is the mean over its windows."""

    clip_ids: List[str]
    scores: np.ndarray  # [n, C] float32, higher: more likely
    targets: np.ndarray  # [n, C] bool
    classes: List[int]  # [C] class index (label of the records) of each column, ascending
    class_names: Dict[int, str]
