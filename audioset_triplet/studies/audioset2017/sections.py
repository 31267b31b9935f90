"""The tables and figures of the paper and the talk, from the results of each evaluation set.

Numbers on YouTube-100M and AudioSet are beside ours for the order of the rows: the clips and the classes differ.
"""

import dataclasses
import functools
from typing import Callable, List, Mapping, Optional, Sequence

from audioset_triplet.config.studies import AudioSet2017Config
from audioset_triplet.evaluation.metrics import THRESHOLD
from audioset_triplet.evaluation.table import Table
from audioset_triplet.reports import comparison, plots
from audioset_triplet.reports.study_page import Grid, Section
from audioset_triplet.studies.audioset2017 import figures, published, rows

LineOf = Callable[[Table, str], List[str]]  # the texts of a row of a table, behind its title

_UNKNOWN = "–"
_RANKED = {"auc": "AUC", "d_prime_of_mean_auc": "d′", "map": "mAP"}
_PUBLISHED = [f"published {name}" for name in _RANKED.values()]
_TALK = {"eer": "EER", "map": "mAP", "auc": "AUC", "d_prime_of_mean_auc": "d′"}
_BETA = {
    "map": "mAP",
    "prior_weighted_map": "mAP, weighted by prior",
    "mean_recall": "mean recall",
    "prior_weighted_recall": "recall, weighted by prior",
    "calibration_error": "calibration error",
    "mean_class_calibration_error": "mean over classes",
}
_BETA_OF_WINDOWS = {
    "map": "mAP of windows",
    "mean_recall": "mean recall of windows",
    "prior_weighted_recall": "recall of windows, weighted by prior",
}
_DRAWN_AGAINST_BETA = (
    *(("scores", name, _BETA[name]) for name in ("map", "mean_recall")),
    ("strong", "mean_recall", _BETA_OF_WINDOWS["mean_recall"]),
    ("scores", "calibration_error", _BETA["calibration_error"]),
)


@dataclasses.dataclass(frozen=True)
class Sections:
    """What the sections are made of.

    Attributes:
        tables: the results, by evaluation set.
        config: which rows there are.
        reference: the row that the others are compared with.
    """

    tables: Mapping[str, Table]
    config: AudioSet2017Config
    reference: str

    def build(self) -> List[Section]:
        """All sections; a table or a figure for each set."""
        return [
            self._architectures(),
            self._shares(),
            self._exponents(),
            self._refinement(),
            self._features(),
            self._priors(),
        ]

    def _architectures(self) -> Section:
        def line(table: Table, name: str) -> List[str]:
            known = published.ARCHITECTURES.get(name)
            budget = [_whole(table, name, "steps"), self._text(table, name, "scores", "step_seconds")]
            return [*_numbers(known), *self._texts(table, name, "scores", _RANKED), *budget]

        header = ["architecture", *_PUBLISHED, *_RANKED.values(), "steps", "seconds of a step"]
        budget = f"{self.config.core_minutes:g} core-minutes" if self.config.core_minutes else "as many steps"
        return Section(
            "architectures",
            "Architectures",
            f"The same classifier with each architecture, {budget} for each. Published: Hershey et al. 2017, Table 2, "
            "on 3,087 labels of YouTube-100M, after 5 million steps.",
            [self._grid(name, header, self.config.architectures, line) for name in self._with("scores")],
        )

    def _shares(self) -> Section:
        shares = sorted({1.0, *self.config.training_shares}, reverse=True)
        names = {share: self.reference if share == 1 else rows.share_name(share) for share in shares}
        of_row = {name: share for share, name in names.items()}

        def line(table: Table, name: str) -> List[str]:
            known = published.SHARES.get(of_row[name]) if self.reference == "resnet50" else None
            return [
                _whole(table, name, "training_clips"),
                *_numbers(known),
                *self._texts(table, name, "scores", _RANKED),
            ]

        def dots(table: Table) -> figures.Points:
            points = []
            for name in names.values():
                clips, value = _mean(table, name, "scores", "training_clips"), _mean(table, name, "scores", "map")
                if clips is not None and value is not None:
                    points.append((clips, value, f"{clips:,.0f} clips: mAP {value:.3f}"))
            return points

        header = ["training clips", "clips", *_PUBLISHED, *_RANKED.values()]
        return Section(
            "sizes",
            "Training set size",
            "Parts of the training clips, each of which contains the smaller ones, and as many steps as with all. "
            "Published: Hershey et al. 2017, Table 4, a ResNet-50 on 70 million videos and parts of them, after 16 "
            "million steps.",
            [
                self._grid(name, header, list(names.values()), line, ", all of the clips")
                for name in self._with("scores")
            ],
            figures.curves(
                self.tables,
                "mAP against training clips",
                functools.partial(plots.log_axis, "training clips"),
                "mAP",
                dots,
            ),
        )

    def _exponents(self) -> Section:
        exponents = sorted({0.0, *self.config.prior_exponents})
        names = [self._exponent_row(exponent) for exponent in exponents]

        def line(table: Table, name: str) -> List[str]:
            return [*self._texts(table, name, "scores", _BETA), *self._texts(table, name, "strong", _BETA_OF_WINDOWS)]

        def dots(task: str, measure: str, title: str, table: Table) -> figures.Points:
            means = ((exponent, _mean(table, name, task, measure)) for exponent, name in zip(exponents, names))
            return [
                (exponent, mean, f"β = {exponent:g}: {title} {mean:.3f}")
                for exponent, mean in means
                if mean is not None
            ]

        beta = functools.partial(plots.linear_axis, "β")
        drawn = [
            figure
            for task, measure, title in _DRAWN_AGAINST_BETA
            for figure in figures.curves(
                self.tables, f"{title} against β", beta, title, functools.partial(dots, task, measure, title)
            )
        ]
        return Section(
            "balance",
            "Weights of positives by prior",
            "The loss of a positive is weighted by (mean prior / prior of its class) to the power of β; negatives are "
            "not weighted. Recall is the share of the positive clips, or windows, of a class whose score is at least "
            f"{THRESHOLD:g}; that of a clip is the mean over its windows. The talk: β = 0.1 and 0.25 raise mAP "
            "slightly, β = 1 more than doubles prediction accuracy.",
            [
                self._grid(name, ["β", *_BETA.values(), *_BETA_OF_WINDOWS.values()], names, line, ", β = 0")
                for name in self._with("scores")
            ],
            [*drawn, *figures.reliability(self.tables, names)],
        )

    def _refinement(self) -> Section:
        columns = [
            ("scores", "map", "mAP of clips"),
            ("scores", "d_prime_of_mean_auc", "d′ of clips"),
            ("ratings", "map", "mAP of rated pairs"),
            ("strong", "map", "mAP of windows"),
            ("strong", "d_prime_of_mean_auc", "d′ of windows"),
        ]
        names = [self.reference, *map(rows.refined_name, range(1, self.config.refinements + 1))]

        def line(table: Table, name: str) -> List[str]:
            return [self._text(table, name, task, measure) for task, measure, _ in columns]

        return Section(
            "refinement",
            "Refined labels",
            "Training clips are scored by the first classifier; a window keeps a label of its clip if its score is at "
            f"least {self.config.refinement.threshold:g} of the largest in the clip, and the next classifier learns "
            "from what is kept. Windows are measured against events with onset and offset.",
            [
                self._grid(name, ["labels", *(title for *_, title in columns)], names, line, ", labels of clips")
                for name in self.tables
            ],
        )

    def _features(self) -> Section:
        names = [name for name in dict.fromkeys((rows.FC, self.reference, rows.EMBEDDING)) if self._has_row(name)]
        few = {rows.few_labels_name(name): name for name in names}

        def line(table: Table, name: str) -> List[str]:
            source = published.FEW_LABELS if name in few else published.ALL_LABELS
            known = source.get(few.get(name, name))
            texts = [f"{known.eer:.3f}", f"{known.map:.3f}"] if known else [_UNKNOWN] * 2
            task = "ratings" if "ratings" in figures.tasks_of(table) else "scores"
            return [_whole(table, name, "training_clips", task), *texts, *self._texts(table, name, task, _TALK)]

        header = ["features, classifier", "clips", "published EER", "published mAP", *_TALK.values()]
        return Section(
            "features",
            "Features and labels",
            "Classifiers of log-mel and of an embedding, with all labels and with those of "
            f"{100 * self.config.label_share:g}% of the clips, each class keeping a clip. Measured on rated pairs "
            "where the set has ratings, else by the labels of clips. Published: the talk of 2017, on explicit hard "
            "negatives with a mean prior of 0.282; its embedding is the bottleneck of a classifier on YouTube-100M "
            "with all labels, and that of triplets without labels with 0.5% of them.",
            [self._grid(name, header, [*names, *few], line) for name in self.tables],
        )

    def _priors(self) -> Section:
        return Section(
            "priors",
            "d′ against prior",
            "Each dot is a class, of the first run of each architecture. Unlike average precision d′ does not depend "
            "on the prior.",
            [],
            figures.priors(self.tables, self.config.architectures),
        )

    def _exponent_row(self, exponent: float) -> str:
        return rows.exponent_name(exponent) if exponent else self.reference

    def _has_row(self, name: str) -> bool:
        return any(figures.row_of(table, name) for table in self.tables.values())

    def _with(self, task: str) -> List[str]:
        return [name for name, table in self.tables.items() if task in figures.tasks_of(table)]

    def _grid(self, name: str, header: Sequence[str], names: Sequence[str], line: LineOf, setting: str = "") -> Grid:
        """The table of a set, of those of the rows that it has; `setting` is that of the row compared with."""
        table = self.tables[name]
        found = [(figures.row_of(table, one), one) for one in names]
        title = name if len(self.tables) > 1 else ""
        texts = [
            [f"{row.title}{setting if one == self.reference else ''}", *line(table, one)] for row, one in found if row
        ]
        return Grid(title, header, texts)

    def _texts(self, table: Table, name: str, task: str, measures: Mapping[str, str]) -> List[str]:
        return [self._text(table, name, task, measure) for measure in measures]

    def _text(self, table: Table, name: str, task: str, measure: str) -> str:
        row = figures.row_of(table, name)
        return comparison.text(table, row, comparison.Column("", task, measure)) if row else ""


def _numbers(known: Optional[published.Ranked]) -> List[str]:
    return [_UNKNOWN] * len(_PUBLISHED) if known is None else [f"{value:.3f}" for value in known]


def _mean(table: Table, name: str, task: str, measure: str) -> Optional[float]:
    mean = table.mean(name, task, measure)
    return mean.mean if mean else None


def _whole(table: Table, name: str, measure: str, task: str = "scores") -> str:
    mean = _mean(table, name, task, measure)
    return _UNKNOWN if mean is None else f"{mean:,.0f}"
