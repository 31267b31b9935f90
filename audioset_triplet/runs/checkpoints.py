"""Where a work directory keeps its configuration and its weights, for whoever trains or exports them."""

import contextlib
import dataclasses
import glob
import os
from typing import Any, Dict, Iterator, Set, Tuple, Type, TypeVar, Union

import tensorflow as tf

from audioset_triplet import files
from audioset_triplet.config import options
from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.training import RunConfig
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models.resnet import build_resnet50

Config = TypeVar("Config", bound=RunConfig)
EmbeddingConfig = Union[TripletConfig, CoincidenceConfig]


def config_path(workdir: str) -> str:
    return os.path.join(workdir, "config.json")


def check_config(workdir: str, run_config: RunConfig) -> None:
    """Raises a UserError if the work directory belongs to a run with other settings.

    Where its input lies, or is read, is none of them: `training.origin` tells whether it is the same.
    """
    if not os.path.exists(config_path(workdir)):
        return
    found: Any = read_config(workdir, type(run_config))
    where = {name: getattr(run_config.data, name) for name in run_config.data.WHERE}
    moved = dataclasses.replace(found, data=dataclasses.replace(found.data, **where))
    differences = options.differences(moved, run_config)
    if differences:
        raise UserError(
            f"{workdir} holds a run with other settings ({', '.join(differences)}): "
            "give the same flags to resume it, or another --workdir."
        )


def write_config(workdir: str, run_config: RunConfig) -> None:
    os.makedirs(workdir, exist_ok=True)
    files.write_text(config_path(workdir), options.to_json(run_config))


def read_config(workdir: str, config_class: Type[Config]) -> Config:
    """The configuration of the run in a work directory.

    Raises:
        UserError: there is no run, or its settings are not those of a `config_class`: it trains something else.
    """
    path = config_path(workdir)
    if not os.path.exists(path):
        stages = sorted(glob.glob(config_path(os.path.join(glob.escape(workdir), "*"))))
        hint = f" {os.path.dirname(stages[-1])} is one." if stages else ""
        raise UserError(f"{workdir} is no work directory of a training run: it has no config.json.{hint}")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return options.from_json(config_class, text)
    except UserError as error:
        raise UserError(f"{path}: not the settings of a run that can be used here: {error}") from error


def read_embedding_config(workdir: str) -> EmbeddingConfig:
    """The configuration of the run in a work directory, if it trains an embedding.

    Raises:
        UserError: there is no run, or it trains something else.
    """
    try:
        return read_config(workdir, TripletConfig)
    except UserError as error:
        try:
            return read_config(workdir, CoincidenceConfig)
        except UserError:
            raise error from None


def checkpoint_folder(workdir: str) -> str:
    return os.path.join(workdir, "checkpoints")


def latest(workdir: str) -> str:
    """The path of the last checkpoint of a work directory; a UserError where there is none yet."""
    path = tf.train.latest_checkpoint(checkpoint_folder(workdir))
    if path is None:
        raise UserError(f"{workdir} has no checkpoint yet: let the training run until it saves one.")
    return path


def has_ended(workdir: str, run_config: RunConfig) -> bool:
    """Whether the run in a work directory has taken all its steps; one that was stopped has not."""
    path = tf.train.latest_checkpoint(checkpoint_folder(workdir))
    return path is not None and step_of(path) >= run_config.training.steps


def restore(checkpoint: tf.train.Checkpoint, path: str) -> Any:
    """Restores a checkpoint and returns TensorFlow's status of it.

    Raises:
        UserError: its files are damaged or missing.
    """
    with damage_named(path):
        return checkpoint.restore(path)


@contextlib.contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Around whatever reads the files of a checkpoint: a UserError where they are damaged or missing."""
    try:
        yield
    except (tf.errors.OpError, LookupError) as error:  # LookupError: a file that ends too soon
        raise UserError(
            f"{path}: damaged ({error}); name an older checkpoint in the file `checkpoint` beside it, or start again "
            "in another --workdir."
        ) from error


def restore_network(workdir: str) -> Tuple[tf.keras.Model, EmbeddingConfig, str]:
    """The trained embedding of a work directory, its configuration and the path of the checkpoint that it came from.

    Raises:
        UserError: there is no run, it trains no embedding, it has no checkpoint yet, or its checkpoint is damaged.
    """
    run_config = read_embedding_config(workdir)
    network = build_resnet50(run_config.network)
    return network, run_config, restore_weights(network, workdir, run_config)


def restore_weights(network: tf.keras.Model, workdir: str, run_config: RunConfig) -> str:
    """Gives a network the weights of the last checkpoint of a work directory: `restore_parts` of one."""
    return restore_parts({"network": network}, workdir, run_config)


def restore_parts(parts: Dict[str, tf.keras.Model], workdir: str, run_config: RunConfig) -> str:
    """Gives networks the weights of the last checkpoint of a work directory, and returns the checkpoint's path.

    They are the moving averages where the run's configuration says that it keeps them.

    Args:
        parts: the networks by the names under which the checkpoint keeps them; it may hold more.
        workdir: the work directory.
        run_config: its configuration.

    Raises:
        UserError: there is no checkpoint yet, it is damaged, or it does not hold such networks, or of other sizes.
    """
    path = latest(workdir)
    is_averaged = bool(run_config.training.moving_average)
    named = {average_of(name) if is_averaged else name: network for name, network in parts.items()}
    try:
        status = restore(tf.train.Checkpoint(**named), path)
        status.expect_partial().assert_existing_objects_matched()
    except AssertionError as error:
        raise UserError(f"{path}: does not hold the networks of this run ({', '.join(named)}).") from error
    except ValueError as error:  # a weight of another shape
        raise UserError(
            f"{path}: its networks have other sizes than those of this run; give the flags or the --preset of "
            f"{config_path(workdir)} ({error})."
        ) from error
    return path


def parts_of(path: str) -> Set[str]:
    """The names of the networks that the checkpoint of this path holds, without their moving averages."""
    names = {name.split("/")[0] for name in tf.train.load_checkpoint(path).get_variable_to_shape_map()}
    averages = {name for name in names if name.startswith(average_of(""))}
    return names - averages - {"optimizer", "save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH"}


def average_of(part: str) -> str:
    """The name under which a checkpoint keeps the moving average of a part."""
    return f"average_{part}"


def step_of(path: str) -> int:
    """The training step at which the checkpoint of this path was saved."""
    return int(path.rpartition("-")[2])
