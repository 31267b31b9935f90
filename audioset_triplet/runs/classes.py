"""classes.json of a run directory: the classes of a classifier."""

import dataclasses
import os
from typing import Dict

from audioset_triplet import files, settings
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a classifier, as they are in the clips that it learns from."""

    names: Dict[int, str]  # class index (label of the records) -> name, ascending: the order of the logits
    one_per_clip: bool  # every clip has exactly one label
    num_clips: int


def write(workdir: str, classes: Classes) -> None:
    """Writes classes.json of a run that begins; to be called before config.json is written.

    Raises:
        UserError: a run has begun in the directory, with other classes.
    """
    if run_config.has_begun(workdir):
        settings.require_same(f"{workdir} holds a run on other labels", read(workdir), classes)
    else:
        os.makedirs(workdir, exist_ok=True)
        files.write_json(_path(workdir), dataclasses.asdict(classes))


def read(workdir: str) -> Classes:
    """The classes of the classifier of a run; a UserError where there is none."""
    try:
        values = files.read_json_object(_path(workdir))
        names = {int(index): name for index, name in values["names"].items()}
        return Classes(names, values["one_per_clip"], values["num_clips"])
    except FileNotFoundError as error:
        raise UserError(f"{workdir} holds no classifier: it has no classes.json.") from error
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"{_path(workdir)}: damaged ({error}); train in another --workdir.") from error


def _path(workdir: str) -> str:
    return os.path.join(workdir, "classes.json")
