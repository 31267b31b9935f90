"""Shared by the `prepare_*` programs: their flags, and the lines that they print.

A program defines the flags of its data set and a function that reads its list:

    if __name__ == "__main__":
        program.run(list_clips)
"""

import sys
import time
from typing import Callable, List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.jobs import runner as runners
from audioset_triplet.plurals import counted, duration
from data_prep.config import PreparationConfig, RecordsConfig
from data_prep.plan import ClipList

try:
    from data_prep import prepare
except ImportError as error:
    sys.exit(f"error: {error}: data preparation needs Apache Beam: pip install -e '.[data_prep]'")

_NUM_NAMED = 5

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for the records, on this machine or at gs://, s3:// or hdfs://.")
command_line.define_flags(RecordsConfig)
command_line.define_flags(PreparationConfig)


def run(list_clips: Callable[[], ClipList]) -> None:
    """Parses the flags, prepares the clips of `list_clips`, and prints a summary."""

    def main(beam_options: List[str]) -> None:
        command_line.require_flags("output")
        started = time.monotonic()
        config = command_line.config_from_flags(RecordsConfig())
        runner = command_line.config_from_flags(PreparationConfig())
        runners.check(runner, beam_options)  # so that bad ones are refused before hours of listing
        _report(prepare.prepare(list_clips(), FLAGS.output, config, runner, beam_options), time.monotonic() - started)

    command_line.run_passing_on(main)


def _report(summary: prepare.Summary, seconds: float) -> None:
    for kind, rejects in (("missing", summary.missing), ("rejected", summary.rejects)):
        for reject in rejects[:_NUM_NAMED]:
            print(reject.message, file=sys.stderr)
        if rejects[_NUM_NAMED:]:
            print(f"and {len(rejects) - _NUM_NAMED} more {kind}: see {FLAGS.output}/rejects.csv", file=sys.stderr)
    before = f", {summary.num_shards_before} of them from before" if summary.num_shards_before else ""
    unused = prepare.counts_text(summary.missing, summary.rejects)
    print(
        f"{counted(summary.num_clips, 'clip')}, {duration(3600 * summary.hours)}, {unused}, "
        f"{seconds:.1f} s -> {FLAGS.output} ({counted(summary.num_shards, 'file')}{before}); how complete the copy is: "
        f"{FLAGS.output}/coverage.html"
    )
