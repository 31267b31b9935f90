"""The Apache Beam pipeline: its only step writes shards, on any runner.

The elements are names of shards. A worker reads the plan of a shard and writes the shard and its report, so that a
runner carries almost no data and may repeat any work.
"""

import contextlib
import logging
import os
import sys
import threading
from typing import Any, Dict, Iterable, Iterator, Sequence, TextIO

import apache_beam as beam
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import create_runner
from tqdm import tqdm

from audioset_triplet.errors import UserError
from data_prep import shards
from data_prep.config import RunnerConfig
from data_prep.shards import Folder, Rules

_POLL_SECONDS = 1.0
_STDERR = 2
_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"  # Beam knows no short name of it


class WriteShard(beam.DoFn):
    """Name of a shard -> the same name, once it is written."""

    def __init__(self, folder: Folder, rules: Rules) -> None:
        self._folder = folder
        self._rules = rules

    def process(self, name: str) -> Iterable[str]:
        shards.write_shard(self._folder, name, self._rules)
        yield name


def run(
    num_clips: Dict[str, int], folder: Folder, rules: Rules, config: RunnerConfig, beam_options: Sequence[str]
) -> None:
    """Writes shards whose plans are in the folder.

    Args:
        num_clips: name of a shard -> the planned number of its clips (for the progress bar).
        folder: of the records.
        rules: how audio files become records.
        config: the runner.
        beam_options: arguments for Beam, such as `--dask_client_address=HOST:8786`.

    Raises:
        UserError: no such runner or option; the error of `shards.write_shard`, in one line.
    """
    names = list(num_clips)
    if not names:
        return
    options = make_options(config, beam_options, len(names))
    with _quiet() as stderr, _progress(folder, num_clips, stderr):
        try:
            with beam.Pipeline(options=options) as pipeline:
                written = pipeline | "Shards" >> beam.Create(names)
                written | "Write" >> beam.ParDo(WriteShard(folder, rules))
        except Exception as error:  # of a runner's own kind, with the worker's traceback as its text
            raise UserError(_last_line(error)) from error


def make_options(config: RunnerConfig, beam_options: Sequence[str], most_workers: int = sys.maxsize) -> PipelineOptions:
    """The options for Beam; its file systems get them at once, so that remote files can be listed.

    Raises:
        UserError: no such runner or option.
    """
    if config.runner == "direct":
        num_workers = max(1, min(config.num_workers or os.cpu_count() or 1, most_workers))
        mode = "in_memory" if num_workers == 1 else "multi_processing"
        given: Dict[str, Any] = {
            "runner": "FnApiRunner",
            "direct_num_workers": num_workers,
            "direct_running_mode": mode,
        }
    else:
        given = {"runner": _DASK if config.runner.lower() in ("dask", "daskrunner") else config.runner}
        try:
            create_runner(given["runner"])  # its module knows its options
        except ValueError as error:
            known = "direct, dask, dataflow, flink and spark are, and Beam's others by the full names of their classes"
            raise UserError(f"--runner={config.runner}: there is no such runner: {known}") from error
        except (ImportError, AttributeError) as error:
            raise UserError(f"--runner={config.runner}: {error}") from error
    options = PipelineOptions(list(beam_options), **given)
    logging.disable(logging.WARNING)  # Beam warns of unknown options and goes on
    unknown = set(options.get_all_options(retain_unknown_options=True)) - set(options.get_all_options())
    logging.disable(logging.NOTSET)
    if unknown:
        raise UserError(f"Beam has no option --{sorted(unknown)[0]} (what follows after -- goes to Apache Beam).")
    FileSystems.set_options(options)
    return options


def _last_line(error: Exception) -> str:
    """The error of a worker: the last line of the traceback in the text of a runner's exception."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else repr(error)
    return last.split(" [while running")[0].split("UserError: ")[-1]


@contextlib.contextmanager
def _quiet() -> Iterator[TextIO]:
    """Gives the real stderr, and discards what Beam and its workers log there: an error is an exception too.

    Workers of the direct runner are processes that inherit the file descriptor, hence not `contextlib.redirect_stderr`.
    """
    sys.stderr.flush()
    real = os.dup(_STDERR)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    try:
        with open(real, "w", encoding="utf-8", closefd=False) as stderr:
            yield stderr
    finally:
        os.dup2(real, _STDERR)
        os.close(real)
        os.close(null)


@contextlib.contextmanager
def _progress(folder: Folder, num_clips: Dict[str, int], stderr: TextIO) -> Iterator[None]:
    """A progress bar that counts the reports as they appear."""
    ended = threading.Event()
    with tqdm(total=sum(num_clips.values()), unit="clip", file=stderr, disable=None) as bar:

        def follow() -> None:
            while not ended.wait(_POLL_SECONDS):
                with contextlib.suppress(BeamIOError, OSError):  # the next time it may answer
                    reported = shards.reported_shards(folder)
                    bar.update(sum(num for name, num in num_clips.items() if name in reported) - bar.n)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
            bar.update(bar.total - bar.n)
        finally:
            ended.set()
            thread.join()
