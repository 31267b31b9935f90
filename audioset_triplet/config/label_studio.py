"""What `experiments.label_studio` can be told."""

import dataclasses
from typing import Tuple

from audioset_triplet.config.options import Config, option
from audioset_triplet.config.voting import VotingConfig


@dataclasses.dataclass(frozen=True)
class TasksConfig(Config):
    """The tasks that Label Studio gets."""

    questions: str = option(
        "", "Questions to add to the log first: CSV or Parquet. Empty: those that the log has (export)."
    )
    classes: str = option(
        "",
        "Choices for “what is it?”, and names for the ids in --questions: class_labels_indices.csv, or a name per "
        "line. Empty: the classes of the log (export).",
    )
    data: str = option("", "TFRecords of the clips (globs), to write audio files beside the tasks (export).")
    audio_url: str = option(
        "/data/local-files/?d=",
        "What Label Studio puts before the paths of audio files: those in WORKDIR with --data, else the ids of the "
        "clips. The default serves a folder as its local files (export).",
    )
    annotations: str = option(
        "none",
        "Answers that go with the tasks. all: of every rater, whose name has to be the e-mail address of a member of "
        "the project. decided: what votes decide, as one annotation (export).",
        ("none", "all", "decided"),
    )


@dataclasses.dataclass(frozen=True)
class LabelStudioConfig(Config):
    """From the annotation log to Label Studio and back."""

    workdir: str = option("", "Folder of the annotation log.")
    answers: Tuple[str, ...] = option((), "Exports of Label Studio, as JSON (import).")
    tasks: TasksConfig = dataclasses.field(default_factory=TasksConfig)
    voting: VotingConfig = dataclasses.field(default_factory=VotingConfig)
