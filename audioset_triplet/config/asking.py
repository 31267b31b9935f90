"""What `experiments.ask` can be told: which questions it writes."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.labelling import SelectionConfig
from audioset_triplet.config.options import option, require

BY_SCORE = ("top", "uncertain", "near_score", "random")
# Options that only some sources know.
_SOURCES_OF = {
    **dict.fromkeys(("scores", "head", "embeddings", "unit", "labels", "per_class", "max_per_clip", "folds"), BY_SCORE),
    "near": ("near_score",),
    **dict.fromkeys(("assignments", "member"), ("cluster",)),
    "questions": ("file",),
}


@dataclasses.dataclass(frozen=True)
class AskConfig(SelectionConfig):
    """Which questions are asked."""

    source: str = option(
        "top",
        "What chooses the questions: the highest scores of each class; those nearest to 0.5; those nearest to "
        "--near; random rows; a clip of each of the largest clusters; or a file of questions.",
        (*BY_SCORE, "cluster", "file"),
    )
    scores: str = option("", "Scores: a folder of embed --what=scores, or the file scores.parquet of score.")
    head: str = option("", "In place of --scores: a head of experiments.train_head, which scores --embeddings.")
    embeddings: str = option("", "Folder of embeddings, for --head.")
    unit: str = option("windows", "Of a folder of scores: ask about windows, or whole clips.", ("windows", "clips"))
    labels: Tuple[str, ...] = option((), "Names of the classes to ask about. Empty: all that have scores.")
    per_class: int = option(20, "Questions about each class, by scores.", at_least=1)
    near: float = option(0.5, "Score for --source=near_score.", at_least=0, at_most=1)
    max_per_clip: int = option(1, "Windows of one clip for one class.", at_least=1)
    assignments: str = option("", "Folder of experiments.cluster --task=assign, for --source=cluster.")
    questions: str = option("", "CSV or Parquet, for --source=file.")
    budget: int = option(0, "Questions in all. 0: no limit.", at_least=0)
    folds: Tuple[int, ...] = option((), "Of a folder of scores, only clips of these folds. Empty: all.")
    seed: int = option(0, "Seed of random rows and of clips of clusters.")
    workdir: str = option("", "Folder of the annotation log, whose questions are not repeated. Empty: none.")

    def check_rules(self) -> None:
        for field in dataclasses.fields(self):
            sources = _SOURCES_OF.get(field.name)
            is_given = getattr(self, field.name) != field.default
            require(
                not is_given or sources is None or self.source in sources,
                f"--{field.name} has no effect with --source={self.source}: it is for {', '.join(sources or ())}.",
            )
        require(not (self.scores and self.head), "--scores and --head both say what scores the windows: give one.")
        require(bool(self.head) == bool(self.embeddings), "--head scores the windows of --embeddings: give both.")
        require(not self.head or self.unit == "windows", "--head scores windows: --unit=clips needs --scores.")
