"""One training run in a run directory, whatever its objective: build, resume, fit, record.

An objective brings its config, a Keras model and the input of its run (`train`); `training/triplet.py` is one.

A run directory holds config.json (the settings), data.json (the input), run.json (versions, devices, command line and
the clips of the splits that are read), metrics.jsonl, tensorboard/ and checkpoints/. The same command in the same
directory resumes the run.
"""

import contextlib
import sys
import tempfile
import threading
from typing import Callable, Iterator, Optional, Sequence, Set, Tuple

import tensorflow as tf

from audioset_triplet import distribution, files
from audioset_triplet.config.training import RunConfig, TrainingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.runs import checkpoints, run_directory, run_record
from audioset_triplet.training import callbacks, epoch_log, moving_average, optimizers, pipeline, progress
from audioset_triplet.training.objective import ObjectiveModel
from audioset_triplet.training.precision import precision
from audioset_triplet.training.run_inputs import RunInput

_NAMED_EXAMPLES = 5  # of a batch whose loss is not finite, at most

# Builds the model that is trained. Called in the scope of the run's strategy.
BuildModel = Callable[[], ObjectiveModel]


# The graphs of steps and batches use TensorFlow's own control flow: for AutoGraph to rewrite the sources of all their
# functions would take a fifth of the time up to the first step, and change nothing.
@tf.autograph.experimental.do_not_convert
def train(
    config: RunConfig,
    workdir: str,
    build_model: BuildModel,
    run_input: RunInput,
    observers: Sequence[tf.keras.callbacks.Callback] = (),
    epochs: Optional[epoch_log.Epochs] = None,
) -> None:
    """Trains until `config.training.steps`, from the last checkpoint of `workdir` if there is one.

    SIGTERM saves the step that is under way and ends the run, but for one of several workers. To be called in the main
    thread, as signals are.

    Of several workers all go on from the checkpoint in `workdir`, which has to be one folder that they all see; the
    chief alone writes there.

    Args:
        config: the settings.
        workdir: the run directory.
        build_model: the objective.
        run_input: what it learns from.
        observers: Keras callbacks that are told of every step, after it may have been saved.
        epochs: what is measured after every epoch; of several workers the chief measures. None: nothing.

    Raises:
        Terminated: SIGTERM came.
        UserError: bad or damaged input, a run directory with another run's settings or input, or a loss that is
            not finite.
    """
    training = config.training
    strategy = distribution.build_strategy(training.strategy)  # first: workers connect before anything else
    with (
        _lost_workers_named(strategy, workdir),
        _output_folder(strategy, workdir) as output,
        _stop_event(strategy) as stop,
    ):
        manifest = run_input.describe()
        _set_up(training, strategy.num_replicas_in_sync)
        run_input.check(training)
        run_directory.require_same(workdir, config, manifest)
        with strategy.scope():
            model, averages = _build(training, build_model)
            manager, first_step = checkpoints.resume(
                model.optimizer, {**model.submodels, **model.state}, averages, workdir, output
            )
        if first_step >= training.steps:
            print(f"{workdir} is trained: step {first_step} of {training.steps}.", file=sys.stderr)
            return
        if first_step:
            print(f"{workdir}: goes on after step {first_step} of {training.steps}.", file=sys.stderr)
        steps = callbacks.Steps(first_step, training.steps)

        def describe_bad_examples() -> str:
            with strategy.scope():
                return _described(run_input, model.bad_example_ids())

        with run_input.reading():
            batches = strategy.distribute_datasets_from_function(
                lambda context: run_input.batches(pipeline.Feed(first_step, context))
            )
            run_directory.begin(output, config, manifest)
            run_record.write(output, run_input.splits(), strategy)
            log_every = training.log_every_steps
            model.fit(
                batches,
                epochs=1,
                steps_per_epoch=steps.last - steps.first,
                callbacks=[
                    callbacks.NonFiniteCheck(steps, manager, describe_bad_examples),
                    moving_average.MovingAverage(model.submodels, averages, moving_average.decay(training), first_step),
                    callbacks.MetricsWriter(output, steps, log_every, model.derived_metrics),
                    callbacks.WarningPrinter(steps, log_every, model.warning, training.warmup_steps),
                    *_epoch_log(epochs, workdir, output, training.batch_size, steps, averages or model.submodels),
                    callbacks.CheckpointSaver(manager, steps, training.checkpoint_every_steps, stop),
                    *progress.progress_bars(),
                    *observers,
                ],
                verbose=0,
            )
        if output == workdir:  # of several workers the chief says it
            print(f"{workdir} is trained: step {steps.last} of {training.steps}.", file=sys.stderr)


def _epoch_log(
    epochs: Optional[epoch_log.Epochs],
    workdir: str,
    output: str,
    batch_size: int,
    steps: callbacks.Steps,
    networks: moving_average.Networks,
) -> Sequence[tf.keras.callbacks.Callback]:
    if epochs is None or output != workdir:
        return []
    return [epoch_log.EpochLog(epochs, workdir, batch_size, steps, networks)]


def _described(run_input: RunInput, example_ids: Set[int]) -> str:
    """Some of these examples by name, and how many more there are."""
    names = run_input.names(example_ids, _NAMED_EXAMPLES)
    more = [f"and {len(example_ids) - len(names)} more"] if len(names) < len(example_ids) else []
    return "; ".join(names + more)


@contextlib.contextmanager
def _output_folder(strategy: tf.distribute.Strategy, workdir: str) -> Iterator[str]:
    """The folder that this process writes to: all workers take part in saving, the chief alone writes to `workdir`.

    Raises:
        UserError: another process writes there.
    """
    if distribution.is_chief(strategy):
        with files.one_writer(workdir):
            yield workdir
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield folder


@contextlib.contextmanager
def _stop_event(strategy: tf.distribute.Strategy) -> Iterator[threading.Event]:
    """The event that SIGTERM sets, but for one of several workers: all save together, and SIGTERM may come to one."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        yield threading.Event()
    else:
        with callbacks.sigterm_noted() as stop:
            yield stop


def _set_up(training: TrainingConfig, num_replicas: int) -> None:
    """Settings of the whole process; a UserError where the settings do not suit the devices."""
    if training.batch_size % num_replicas:
        raise UserError(f"--batch_size={training.batch_size} does not divide into {num_replicas} devices.")
    if training.jit_compile and num_replicas > 1:
        raise UserError(f"--jit_compile is for one device, and --strategy={training.strategy} has {num_replicas}.")
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(training.seed)


def _build(training: TrainingConfig, build_model: BuildModel) -> Tuple[ObjectiveModel, moving_average.Networks]:
    """The compiled model, and the averages of its submodels; {} where none are kept."""
    with precision(training.precision):
        model = build_model()
        averages = moving_average.copies(model.submodels) if training.is_averaged else {}
    optimizer = optimizers.build(training)
    if not isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):  # LAMB, which builds itself
        optimizer.build(model.trainable_variables)
    model.compile(optimizer, training.clip_norm, jit_compile=training.jit_compile)
    return model, averages


@contextlib.contextmanager
def _lost_workers_named(strategy: tf.distribute.Strategy, workdir: str) -> Iterator[None]:
    """Around a run: the loss of another worker, which TensorFlow notices in time, is a UserError."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise UserError(
            "another worker was lost, or does not answer: training stops on all of them. Start all again with the same "
            f"command: they go on from the last checkpoint in {workdir} ({type(error).__name__})."
        ) from error
