"""The curriculum of Jansen et al. 2020: four stages, each of which starts from the weights of the one before.

    1  audio-visual coincidence
    2  and audio-audio coincidence
    3  and clustering
    4  and classification, by labels that were queried for a member of each cluster

Audio without images has stages 2 to 4, without the first term. Each stage is a run, in WORKDIR/stageN.
"""

import dataclasses
import os
import sys
from typing import Any, Dict, Sequence

from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config
from audioset_triplet.training import coincidence

# Stage -> the terms that it has, as `training.coincidence` names them.
STAGES = {1: ("av",), 2: ("av", "aa"), 3: ("av", "aa", "cluster"), 4: ("av", "aa", "cluster", "class")}


def train(config: CoincidenceConfig, stages: Sequence[int], workdir: str) -> None:
    """Trains some stages, one after the other, each for `config.training.steps`; skips those that are trained.

    Args:
        config: the settings; a stage ignores the weights of terms that it does not have.
        stages: from 1 to 4, ascending.
        workdir: has a folder for each stage. The first of `stages` starts from the last one before it that is there.

    Raises:
        UserError: what `coincidence.train` raises, or impossible stages.
    """
    if not stages or any(stage not in STAGES for stage in stages) or list(stages) != sorted(set(stages)):
        raise UserError(f"--stages must be some of 1,2,3,4 in this order, not {','.join(map(str, stages))}.")
    for stage in stages:  # check all before one begins
        stage_config(config, stage, workdir)
    for stage in stages:
        staged = stage_config(config, stage, workdir)  # again: the stage before it is there now
        start = staged.terms.start_from or "random weights"
        print(f"Stage {stage}: {', '.join(active_terms(staged))}, from {start}.", file=sys.stderr)
        coincidence.train(staged, stage_folder(workdir, stage))


def stage_config(config: CoincidenceConfig, stage: int, workdir: str) -> CoincidenceConfig:
    """The settings of one stage: the terms that it has, and the stage that it starts from.

    Raises:
        UserError: the stage has no term, or lacks labels.
    """
    names = [name for name in STAGES[stage] if name != "av" or config.image.images]
    absent: Dict[str, Any] = {f"{name}_weight": 0.0 for name in STAGES[max(STAGES)] if name not in names}
    before = [earlier for earlier in range(1, stage) if run_config.has_begun(stage_folder(workdir, earlier))]
    start_from = stage_folder(workdir, before[-1]) if before else ""
    terms = dataclasses.replace(config.terms, **absent, start_from=start_from)
    labels = config.labels if "class" in names else dataclasses.replace(config.labels, weak_labels="")
    staged = dataclasses.replace(config, terms=terms, labels=labels)
    if not active_terms(staged):
        raise UserError(
            f"stage {stage} has nothing to learn: its terms are {', '.join(STAGES[stage])}, and --images=false or "
            "weights of 0 leave them all out."
        )
    if staged.terms.class_weight and not labels.weak_labels:
        raise UserError(
            "stage 4 learns from labels of clusters or raters: name them by --weak_labels (experiments.label_clusters, "
            "export_ratings)."
        )
    return staged


def active_terms(config: CoincidenceConfig) -> Sequence[str]:
    """The names of the terms of a stage whose weights are above 0."""
    return [name for name in STAGES[max(STAGES)] if getattr(config.terms, f"{name}_weight")]


def stage_folder(workdir: str, stage: int) -> str:
    return os.path.join(workdir, f"stage{stage}")
