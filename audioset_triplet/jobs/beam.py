"""Apache Beam's runners: a pipeline whose only step does shards.

The elements are names of shards. A worker reads the plan of a shard and does it, so that a runner carries almost no
data and may repeat any work.
"""

import logging
import os
import threading
from typing import Any, Iterable, List, Sequence

from audioset_triplet.config.runners import DIRECT, RunnerConfig
from audioset_triplet.errors import UserError
from audioset_triplet.jobs import storage
from audioset_triplet.jobs.job import Job

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import create_runner
except ImportError as error:
    raise UserError(f"this needs Apache Beam ({error}): pip install -e '.[data_prep]' (for Dask '.[dask]')") from error

_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"  # Beam knows no short name of it
_GRACE_SECONDS = 3.0


class _DoShard(beam.DoFn):
    """Name of a shard -> the same name, once it is done."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, name: str) -> Iterable[str]:
        problem = self._job.claim_gpu() or self._job.error_of(name)
        if problem:
            raise UserError(problem)
        yield name


def do(job: Job, names: Sequence[str], options: PipelineOptions) -> None:
    """Does shards on a runner of Beam.

    Raises:
        UserError: a shard cannot be done, in one line.
    """
    try:
        with beam.Pipeline(options=options) as pipeline:
            pipeline | "Shards" >> beam.Create(list(names)) | "Do" >> beam.ParDo(_DoShard(job))
    except Exception as error:  # of a runner's own kind, with the worker's traceback as its text
        raise UserError(_last_line(error)) from error
    except (KeyboardInterrupt, SystemExit) as stop:
        _end_soon(130 if isinstance(stop, KeyboardInterrupt) else stop.code)
        raise


def make_options(config: RunnerConfig, beam_options: Sequence[str]) -> PipelineOptions:
    """The options for Beam; its file systems get them at once, so that remote files can be read.

    The direct runner, which is not Beam's, has none but those of file systems.

    Raises:
        UserError: no such runner or option.
    """
    options = PipelineOptions(list(beam_options), **({} if config.runner == DIRECT else {"runner": _runner(config)}))
    logging.disable(logging.WARNING)  # Beam warns of unknown options and goes on
    unknown = set(options.get_all_options(retain_unknown_options=True)) - set(options.get_all_options())
    logging.disable(logging.NOTSET)
    if unknown:
        raise UserError(f"Beam has no option --{sorted(unknown)[0]} (what follows after -- goes to Apache Beam).")
    storage.set_options(options)
    return options


def _runner(config: RunnerConfig) -> str:
    """The runner's name for Beam; its module is imported and knows its options."""
    runner = _DASK if config.runner.lower() in ("dask", "daskrunner") else config.runner
    try:
        create_runner(runner)
    except ValueError as error:
        known = "direct, dask, dataflow, flink and spark are, and Beam's others by the full names of their classes"
        raise UserError(f"--runner={config.runner}: there is no such runner: {known}") from error
    except (ImportError, AttributeError) as error:
        raise UserError(f"--runner={config.runner}: {error}") from error
    return runner


def _last_line(error: Exception) -> str:
    """The error of a worker: the last line of the traceback in the text of a runner's exception."""
    lines: List[str] = [line for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else repr(error)
    return last.split(" [while running")[0].split("UserError: ")[-1]


def _end_soon(exit_code: Any) -> None:
    """Ends this process in any case: threads of a runner that wait for its workers would keep it forever."""
    timer = threading.Timer(_GRACE_SECONDS, os._exit, [exit_code])
    timer.daemon = True
    timer.start()
