"""config.json of a run directory: the objective of the run, and its settings."""

import dataclasses
import glob
import os
from typing import Any, Type, TypeVar, overload

from audioset_triplet import files, settings
from audioset_triplet.config import options
from audioset_triplet.config.training import RunConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import objectives

AnyRunConfig = TypeVar("AnyRunConfig", bound=RunConfig)


def path_of(workdir: str) -> str:
    """The path of config.json."""
    return os.path.join(workdir, "config.json")


def has_begun(workdir: str) -> bool:
    """Whether there is a run: config.json is the last file that a run writes before it trains."""
    return os.path.exists(path_of(workdir))


def write(workdir: str, config: RunConfig) -> None:
    """Writes config.json; makes the directory if it is missing."""
    os.makedirs(workdir, exist_ok=True)
    objective = objectives.name_of(type(config))
    files.write_json(path_of(workdir), {"objective": objective, **dataclasses.asdict(config)})  # type: ignore[call-overload]


def read(workdir: str) -> Any:
    """The settings of the run in a directory, of the class that `objectives.OBJECTIVES` gives for its objective.

    Raises:
        UserError: there is no run, it is of an older version of this project, or its settings are damaged.
    """
    path = path_of(workdir)
    if not has_begun(workdir):
        stages = sorted(glob.glob(path_of(os.path.join(glob.escape(workdir), "*"))))
        hint = f" {os.path.dirname(stages[-1])} is one." if stages else ""
        raise UserError(f"{workdir} is not a run directory: it has no config.json.{hint}")
    values = files.read_json_object(path)
    if "objective" not in values:
        raise UserError(
            f"{path} names no objective: an older version of this project wrote it, or it is not of a run; train again "
            "in another --workdir."
        )
    objective = values.pop("objective")
    if objective not in objectives.OBJECTIVES:
        raise UserError(f"{path}: {objective!r} is not one of the objectives {', '.join(objectives.OBJECTIVES)}.")
    try:
        return options.from_mapping(objectives.OBJECTIVES[objective], values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


@overload
def read_as(workdir: str, config_class: Type[AnyRunConfig], /) -> AnyRunConfig: ...
@overload
def read_as(workdir: str, *config_classes: Type[Any]) -> Any: ...


def read_as(workdir: str, *config_classes: Type[Any]) -> Any:
    """The settings of a run whose objective has to be one of some.

    Args:
        workdir: the run directory.
        config_classes: the classes of their settings.

    Raises:
        UserError: what `read` raises, or the run has another objective.
    """
    config = read(workdir)
    if not isinstance(config, config_classes):
        usable = " or ".join(map(objectives.name_of, config_classes))
        objective = objectives.name_of(type(config))
        raise UserError(f"{workdir} holds a run of the objective {objective}; what is needed here is {usable}.")
    return config


def require_same(workdir: str, config: RunConfig) -> None:
    """Raises a UserError if the directory holds a run with other settings.

    Where its input is, or how it is read, is none of them: `runs.manifest` compares the input itself.
    """
    before = read(workdir)
    holds = f"{workdir} holds a run with other settings"
    names = [{"objective": objectives.name_of(type(one))} for one in (before, config)]
    settings.require_same(holds, names[0], names[1])
    where = {name: getattr(config.data, name) for name in config.data.WHERE}
    moved = dataclasses.replace(before, data=dataclasses.replace(before.data, **where))
    settings.require_same(holds, moved, config)
