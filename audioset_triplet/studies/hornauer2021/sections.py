"""What the page says beside the curves: what the starts are, and what pre-training costs."""

import dataclasses
import statistics
from typing import Iterable, List, Sequence

from audioset_triplet.evaluation.table import Cell
from audioset_triplet.reports.study_page import Grid, Section
from audioset_triplet.studies.hornauer2021 import pretraining
from audioset_triplet.studies.hornauer2021.pretraining import Pretraining, Pretrainings

# Section 4, in words; the curves of figure 4 are not given as numbers.
PUBLISHED = (
    "Published, with ESResNet at 44.1 kHz and pre-training on all data sets and folds: ESC-10 about 80% in the first 3 "
    "epochs, below 40% from scratch; ESC-50 above 60% within 15 epochs, ahead of scratch for 18; UrbanSound8K ahead of "
    "scratch for 5 to 6 epochs; DCASE 2013 best for 11."
)


@dataclasses.dataclass
class Use:
    """A pre-training, and the finished cells that start from it."""

    pretraining: Pretraining
    rows: List[str] = dataclasses.field(default_factory=list)  # esc50/all
    seeds: List[int] = dataclasses.field(default_factory=list)


def starts(finished: Iterable[Cell]) -> Section:
    """What the names of the starts of some cells mean."""
    used = {cell.row for cell in finished}
    return Section(
        "starts",
        "What networks start from",
        "Instance discrimination takes no labels. A recording that is held out is left out in every data set that has "
        f"clips of it, but for {pretraining.ALL_FOLDS}, as published.",
        [
            Grid(
                "",
                ["start", "learned before"],
                [[name, text] for name, text in pretraining.TITLES.items() if name in used],
            )
        ],
    )


def costs(trained: Pretrainings, uses: Sequence[Use]) -> Section:
    """The pre-trained networks: clips, epochs, processor time.

    Args:
        trained: their runs.
        uses: those that finished cells have started from.
    """
    rows = []
    for use in uses:
        seeds = sorted(set(use.seeds))
        minutes = [trained.core_minutes(use.pretraining.name, seed) for seed in seeds]
        known = [one for one in minutes if one is not None]
        rows.append(
            [
                use.pretraining.name,
                f"{len(use.pretraining.clips):,}",
                f"{pretraining.epochs(trained.config, len(use.pretraining.clips)):.1f}",
                f"{trained.config.training.steps:,}",
                f"{statistics.fmean(known):.1f}" if known else "–",
                ", ".join(map(str, seeds)),
                ", ".join(sorted(set(use.rows))),
            ]
        )
    header = ["pre-training", "clips", "epochs", "steps", "core-minutes", "seeds", "starts"]
    return Section(
        "pretraining",
        "What pre-training costs",
        "Every network takes the same steps. Core-minutes are processor time, the mean over seeds.",
        [Grid("", header, rows)],
    )
