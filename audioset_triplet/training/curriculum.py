"""The curriculum of Jansen et al. 2020: one network through four stages, each from where the last one ended.

    1  audio-visual coincidence
    2  and audio-audio coincidence
    3  and clustering
    4  and classification, by labels that were asked for a member of each cluster

Sound alone has stages 2 to 4, without the first term. A stage is a run like any other, in stageN of the work directory.
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
    """Trains some stages, one after the other, each for `config.training.steps`; those that are done are passed over.

    Args:
        config: the settings; the weight of a term counts from the stage on that has it.
        stages: from 1 to 4, ascending.
        workdir: holds a folder for each stage. The first of `stages` starts from the last one before it that is there.

    Raises:
        UserError: what `coincidence.train` raises, or stages that cannot be.
    """
    if not stages or any(stage not in STAGES for stage in stages) or list(stages) != sorted(set(stages)):
        raise UserError(f"--stages must be some of 1,2,3,4 in this order, not {','.join(map(str, stages))}.")
    for stage in stages:  # all are looked at before one begins
        stage_config(config, stage, workdir)
    for stage in stages:
        staged = stage_config(config, stage, workdir)  # anew: the stage before it is there by now
        begins = f"from {staged.terms.start_from}" if staged.terms.start_from else "from random weights"
        print(f"Stage {stage}: {', '.join(active_terms(staged))}, {begins}.", file=sys.stderr)
        coincidence.train(staged, stage_folder(workdir, stage))


def stage_config(config: CoincidenceConfig, stage: int, workdir: str) -> CoincidenceConfig:
    """The settings of one stage: without the terms that it does not have, from the last stage before it.

    Raises:
        UserError: the stage has no term, or no labels to learn from.
    """
    has = [name for name in STAGES[stage] if name != "av" or config.image.images]
    absent: Dict[str, Any] = {f"{name}_weight": 0.0 for name in STAGES[max(STAGES)] if name not in has}
    before = [earlier for earlier in range(1, stage) if run_config.has_begun(stage_folder(workdir, earlier))]
    start_from = stage_folder(workdir, before[-1]) if before else ""
    terms = dataclasses.replace(config.terms, **absent, start_from=start_from)
    labels = config.labels if "class" in has else dataclasses.replace(config.labels, weak_labels="")
    staged = dataclasses.replace(config, terms=terms, labels=labels)
    if not active_terms(staged):
        raise UserError(
            f"stage {stage} has nothing to learn: it has {', '.join(STAGES[stage])}, and --images=false or weights "
            "of 0 leave nothing of that."
        )
    if staged.terms.class_weight and not labels.weak_labels:
        raise UserError(
            "stage 4 learns from labels of clusters: name them by --weak_labels (experiments.label_clusters)."
        )
    return staged


def active_terms(config: CoincidenceConfig) -> Sequence[str]:
    """The names of the terms of a stage that count."""
    return [name for name in STAGES[max(STAGES)] if getattr(config.terms, f"{name}_weight")]


def stage_folder(workdir: str, stage: int) -> str:
    return os.path.join(workdir, f"stage{stage}")
