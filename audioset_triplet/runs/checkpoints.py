"""checkpoints/ of a run directory: the weights of submodels by name, their moving averages, and the optimizer."""

import contextlib
import os
from typing import Any, Dict, Iterator, Mapping, Optional, Set, Tuple

import tensorflow as tf

from audioset_triplet.config.training import RunConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import run_config

Submodels = Dict[str, tf.keras.Model]


def folder_of(workdir: str) -> str:
    """The path of the checkpoints."""
    return os.path.join(workdir, "checkpoints")


def find_latest(workdir: str) -> Optional[str]:
    """The path of the last checkpoint; None where there is none yet."""
    return tf.train.latest_checkpoint(folder_of(workdir))


def latest(workdir: str) -> str:
    """The path of the last checkpoint; a UserError where there is none yet."""
    path = find_latest(workdir)
    if path is None:
        raise UserError(f"{workdir} has no checkpoint yet: let the training run until it saves one.")
    return path


def stamp(workdir: str) -> str:
    """Changes whenever the run saves a checkpoint; empty: there is none yet."""
    path = find_latest(workdir)
    return f"{path} {os.stat(f'{path}.index').st_mtime_ns}" if path else ""


def step_of(path: str) -> int:
    """The training step after which the checkpoint of this path was saved."""
    return int(path.rpartition("-")[2])


def has_ended(workdir: str, config: RunConfig) -> bool:
    """Whether the run in a directory has taken all its steps; a stopped one has not."""
    path = find_latest(workdir)
    return path is not None and step_of(path) >= config.training.steps


def average_of(submodel: str) -> str:
    """The name under which a checkpoint has the moving average of a submodel."""
    return f"average_{submodel}"


def submodels_of(path: str) -> Set[str]:
    """The names of the submodels that the checkpoint of this path holds, without their moving averages."""
    names = {name.split("/")[0] for name in tf.train.load_checkpoint(path).get_variable_to_shape_map()}
    averages = {name for name in names if name.startswith(average_of(""))}
    return names - averages - {"optimizer", "save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH"}


def resume(
    optimizer: tf.keras.optimizers.Optimizer,
    submodels: Mapping[str, tf.Module],
    averages: Submodels,
    workdir: str,
    output: str,
) -> Tuple[tf.train.CheckpointManager, int]:
    """Gives a run the state of its last checkpoint, if there is one.

    Args:
        optimizer: that of the run; it has its variables.
        submodels: the networks, and what else the run goes on with, by name.
        averages: the moving averages of the networks, by name, or {}.
        workdir: the run directory.
        output: the directory that this process saves to: `workdir`, but for workers that are not the chief.

    Returns:
        What saves to `output`, and the step of the last checkpoint, 0 where there is none.

    Raises:
        UserError: the checkpoint is damaged.
    """
    named_averages = {average_of(name): network for name, network in averages.items()}
    checkpoint = tf.train.Checkpoint(optimizer=optimizer, **submodels, **named_averages)
    path = find_latest(workdir)
    if path:
        restore(checkpoint, path)
    manager = tf.train.CheckpointManager(checkpoint, folder_of(output), max_to_keep=2)
    return manager, step_of(path) if path else 0


def restore(checkpoint: tf.train.Checkpoint, path: str) -> Any:
    """Restores a checkpoint and returns TensorFlow's status of it.

    Raises:
        UserError: its files are damaged or missing.
    """
    with damage_named(path):
        return checkpoint.restore(path)


@contextlib.contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Around code that reads the files of a checkpoint: a UserError where they are damaged or missing."""
    try:
        yield
    except (tf.errors.OpError, LookupError) as error:  # LookupError: a file that ends too soon
        raise UserError(
            f"{path}: damaged ({error}); name an older checkpoint in the file `checkpoint` beside it, or start again "
            "in another --workdir."
        ) from error


def restore_submodels(submodels: Submodels, workdir: str, config: RunConfig) -> str:
    """Gives submodels the weights of the last checkpoint of a run, and returns the path of the checkpoint.

    They are averages where the settings of the run ask for these.

    Args:
        submodels: by name; the checkpoint may hold more.
        workdir: the run directory.
        config: the settings of its run.

    Raises:
        UserError: there is no checkpoint yet, it is damaged, or it does not hold such submodels, or of other sizes.
    """
    path = latest(workdir)
    named = {average_of(name) if config.training.is_averaged else name: network for name, network in submodels.items()}
    try:
        status = restore(tf.train.Checkpoint(**named), path)
        status.expect_partial().assert_existing_objects_matched()
    except AssertionError as error:
        raise UserError(f"{path}: does not hold the submodels of this run ({', '.join(named)}).") from error
    except ValueError as error:  # a weight of another shape
        raise UserError(
            f"{path}: its submodels have other sizes than those of this run; give the flags or the --preset of "
            f"{run_config.path_of(workdir)} ({error})."
        ) from error
    return path
