"""One training run in a work directory, whatever its objective: build, resume, fit, record.

An objective brings its config, a Keras model and its batches (`train`); `training/triplet.py` is one.

A work directory holds config.json (what is trained), data.json (on what), run.json (by what: versions, devices, command
line, and which clips there are in the splits that are read), metrics.jsonl, tensorboard/ and checkpoints/. The same
command in the same directory goes on where it was.
"""

import contextlib
import json
import os
import platform
import sys
import tempfile
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import tensorflow as tf

from audioset_triplet import __version__, distribution, files
from audioset_triplet.config import RunConfig
from audioset_triplet.data import places, records, windows
from audioset_triplet.errors import UserError
from audioset_triplet.models import checkpoints
from audioset_triplet.training import addons, inputs, moving_average, optimizers, origin
from audioset_triplet.training.callbacks import RunRecorder, sigterm_noted
from audioset_triplet.training.precision import precision

# Builds a Keras model with a `train_step` of its own and with `parts`: its networks by the names under which
# checkpoints keep them. Called in the scope of the run's strategy.
BuildModel = Callable[[], tf.keras.Model]

# The part of a pipeline -> an endless stream of what `train_step` takes.
ReadBatches = Callable[[inputs.Feed], tf.data.Dataset]


def train(
    config: RunConfig,
    workdir: str,
    build_model: BuildModel,
    read_batches: ReadBatches,
    clip_ids: Optional[Sequence[str]] = None,
) -> None:
    """Trains until `config.training.steps`, from the last checkpoint of `workdir` if there is one.

    SIGTERM saves the step that is under way and ends the run, but for one of several workers. To be called in the main
    thread, as signals are.

    Of several workers all go on from the checkpoint in `workdir`, which has to be one folder that they all see; the
    chief alone writes there.

    Args:
        config: the settings.
        workdir: the work directory.
        build_model, read_batches: the objective.
        clip_ids: the clips that `read_batches` is restricted to; None: all of `config.data`.

    Raises:
        Terminated: SIGTERM came.
        UserError: bad or damaged input, a work directory with another run's settings or clips, or a loss that is no
            number.
    """
    strategy = distribution.build_strategy(config.training.strategy)  # first: workers connect before anything else
    learned_from = origin.describe(config.data.data, clip_ids)
    with contextlib.ExitStack() as stack:
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            stop = threading.Event()  # never set: all workers save together, and SIGTERM may come to one of them
        else:
            stop = stack.enter_context(sigterm_noted())
        kept = workdir
        if not distribution.is_chief(strategy):  # every worker takes part in saving, one keeps what is saved
            kept = stack.enter_context(tempfile.TemporaryDirectory())
        _train(config, learned_from, build_model, read_batches, strategy, workdir, kept, stop)


def _train(
    config: RunConfig,
    learned_from: Dict[str, Any],
    build_model: BuildModel,
    read_batches: ReadBatches,
    strategy: tf.distribute.Strategy,
    workdir: str,
    kept: str,
    stop: threading.Event,
) -> None:
    """Goes on from the checkpoint in `workdir` and writes to `kept`, until the end or until `stop` is set."""
    training = config.training
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(training.seed)
    num_replicas = strategy.num_replicas_in_sync
    if training.batch_size % num_replicas:
        raise UserError(f"--batch_size={training.batch_size} does not divide into {num_replicas} devices.")
    if training.jit_compile and num_replicas > 1:
        raise UserError(f"--jit_compile is for one device, and --strategy={training.strategy} has {num_replicas}.")

    if config.data.data_service:
        if training.deterministic:
            raise UserError("--deterministic needs batches in one order, which those of --data_service do not have.")
        inputs.require_service(config.data.data_service)

    checkpoints.check_config(workdir, config)
    origin.check(workdir, learned_from)

    with strategy.scope():
        with precision(training.precision):
            model = build_model()
            averages = moving_average.copies(model.parts) if training.moving_average else {}
        optimizer = optimizers.build(training)
        if not isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):  # those of tfa build themselves
            optimizer.build(model.trainable_variables)
        model.compile(optimizer, training.clip_norm, jit_compile=training.jit_compile)
        kept_averages = {checkpoints.average_of(name): network for name, network in averages.items()}
        checkpoint = tf.train.Checkpoint(optimizer=optimizer, **model.parts, **kept_averages)
        latest = tf.train.latest_checkpoint(checkpoints.checkpoint_folder(workdir))
        if latest:
            checkpoints.restore(checkpoint, latest)
        manager = tf.train.CheckpointManager(checkpoint, checkpoints.checkpoint_folder(kept), max_to_keep=2)
    first_step = checkpoints.step_of(latest) if latest else 0
    if first_step >= training.steps:
        print(f"{workdir} is trained: step {first_step} of {training.steps}.", file=sys.stderr)
        return

    if first_step:
        print(f"{workdir}: goes on after step {first_step} of {training.steps}.", file=sys.stderr)

    files_read = records.expand_globs(config.data.data)
    damage = places.Damage(files_read)

    def feed(context: tf.distribute.InputContext) -> tf.data.Dataset:
        # The workers of a tf.data service cannot call into this process, which is how damage is passed over.
        return read_batches(inputs.Feed(first_step, context, None if config.data.data_service else damage))

    def name_bad_clips() -> List[str]:
        with strategy.scope():
            return places.names(files_read, model.bad_places())

    with contextlib.ExitStack() as stack:
        stack.callback(_say_how_many, damage)
        for translated in (
            records.named_errors(files_read),
            windows.too_many_labels_named(),
            _lost_workers_named(strategy, workdir),
        ):
            stack.enter_context(translated)
        batches = strategy.distribute_datasets_from_function(feed)
        origin.write(kept, learned_from)
        checkpoints.write_config(kept, config)
        _write_run_record(kept, config, strategy)
        recorder = RunRecorder(
            kept,
            manager,
            first_step,
            training.steps,
            training.log_every_steps,
            training.checkpoint_every_steps,
            stop,
            name_bad_clips,
            model.derived,
            model.alarm,
            training.warmup_steps,
        )
        followers = []  # before the recorder, which saves
        if averages:
            followers.append(moving_average.MovingAverage(model.parts, averages, training.moving_average, first_step))
        model.fit(
            batches,
            epochs=1,
            steps_per_epoch=training.steps - first_step,
            callbacks=[*followers, recorder, *addons.progress_bars()],
            verbose=0,
        )


def _say_how_many(damage: places.Damage) -> None:
    if damage.count:
        places.say(f"{damage.count} damaged records were passed over (data_prep.inspect_tfrecords lists all damage).")


@contextlib.contextmanager
def _lost_workers_named(strategy: tf.distribute.Strategy, workdir: str) -> Iterator[None]:
    """Around the steps of a run: that another worker has gone, which TensorFlow notices in time, is a UserError."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise UserError(
            "another worker was lost, or does not answer: training stops on all of them. Start all again with the same "
            f"command: they go on from the last checkpoint in {workdir} ({type(error).__name__})."
        ) from error


def _write_run_record(workdir: str, config: RunConfig, strategy: tf.distribute.Strategy) -> None:
    record = {
        "code_version": __version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": sys.argv,
        "strategy": type(strategy).__name__,
        "devices": list(strategy.extended.worker_devices),
        "splits": origin.splits(config.data.data),
    }
    files.write_text(os.path.join(workdir, "run.json"), json.dumps(record, indent=2) + "\n")
