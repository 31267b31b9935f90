"""classes.json of a run directory: the classes of a classifier."""

import dataclasses
import os
from typing import Any, Dict, Iterable, Mapping

from audioset_triplet import files, settings
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config

_LOSSES_BEFORE = {True: "softmax", False: "sigmoid"}  # by what older runs say: whether each clip has one label


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a classifier, as they are in the clips that it learns from."""

    names: Dict[int, str]  # class index (label of the records) -> name, ascending: the order of the logits
    loss: str  # softmax or sigmoid, which makes probabilities of logits
    num_clips: int
    # Class index -> share of clips, and weight in the loss of a positive; {}: the run does not say (an older one, or
    # stage 4 of the curriculum).
    priors: Dict[int, float] = dataclasses.field(default_factory=dict)
    positive_weights: Dict[int, float] = dataclasses.field(default_factory=dict)


def loss_for(labels_per_clip: Iterable[int]) -> str:
    """The loss for clips with these numbers of labels: softmax where each has exactly one, else sigmoid."""
    return "softmax" if all(number == 1 for number in labels_per_clip) else "sigmoid"


def write(workdir: str, classes: Classes) -> None:
    """Writes classes.json of a run that begins; to be called before config.json is written.

    Raises:
        UserError: a run has begun in the directory, with other classes.
    """
    if run_config.has_begun(workdir):
        before = read(workdir)
        if not before.priors:
            classes = dataclasses.replace(classes, priors={}, positive_weights={})
        settings.require_same(f"{workdir} holds a run on other labels", before, classes)
    else:
        os.makedirs(workdir, exist_ok=True)
        files.write_json(_path(workdir), dataclasses.asdict(classes))


def exist(workdir: str) -> bool:
    """Whether a run has a classifier."""
    return os.path.exists(_path(workdir))


def read(workdir: str) -> Classes:
    """The classes of the classifier of a run; a UserError where there is none."""
    try:
        values = files.read_json_object(_path(workdir))
        loss = values["loss"] if "loss" in values else _LOSSES_BEFORE[values["one_per_clip"]]
        by_class = [_by_class(values.get(name, {})) for name in ("priors", "positive_weights")]
        return Classes(_by_class(values["names"]), loss, values["num_clips"], *by_class)
    except FileNotFoundError as error:
        raise UserError(f"{workdir} holds no classifier: it has no classes.json.") from error
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"{_path(workdir)}: damaged ({error}); train in another --workdir.") from error


def _by_class(values: Mapping[str, Any]) -> Dict[int, Any]:
    return {int(index): value for index, value in values.items()}


def _path(workdir: str) -> str:
    return os.path.join(workdir, "classes.json")
