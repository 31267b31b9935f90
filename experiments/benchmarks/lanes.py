"""How long a training step of the preset `small` takes with several Pythons, such as those of the two lanes.

    python -m experiments.benchmarks.lanes --pythons=.venv/bin/python,.venv-current/bin/python --output=benchmark

measures what experiments.benchmarks.step does, in processes of their own, on the same synthesised records. The Pythons
take turns. `make .venv VENV=.venv-current PYTHON=python3.13` makes a second environment.
"""

import tempfile
from typing import Dict, List

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("pythons", [], "Paths of the Pythons, each of an environment with this project.")
flags.DEFINE_integer("batch_size", 64, "Triplets per step.", 2)
flags.DEFINE_list("blocks", [], "Blocks of the four stages of the network; empty: those of the preset.")
flags.DEFINE_integer("clips", 1024, "How many clips of ten seconds the records hold.", 64)
flags.DEFINE_float("seconds", 45.0, "Of measuring each Python with each feed in each turn, at least.")

PRESET = "small"
_SHUFFLE_CLIPS = 256  # fewer than --clips: records are read in every epoch


def main() -> None:
    command_line.require_flags("output", "pythons")
    pythons, blocks = list(dict.fromkeys(FLAGS.pythons)), command_line.integers("blocks")
    names = {python: shared.call("audioset_triplet.compat", "description", python=python) for python in pythons}
    if len(set(names.values())) < len(pythons):
        raise UserError(f"--pythons: two of them are the same: {', '.join(names.values())}.")
    turns: Dict[str, List[shared.Row]] = {python: [] for python in pythons}
    with tempfile.TemporaryDirectory() as folder, progress_bar(total=FLAGS.repeats * len(pythons)) as bar:
        shared.call("experiments.benchmarks.shared", "write_records", folder, FLAGS.clips)
        arguments = (PRESET, folder, FLAGS.batch_size, blocks, FLAGS.clips, _SHUFFLE_CLIPS, FLAGS.seconds)
        for _ in range(FLAGS.repeats):
            for python in pythons:
                spent = shared.call("experiments.benchmarks.step", "measure", *arguments, python=python)
                turns[python].append({"kept batch: ms": 1000 * spent["kept"], "records: ms": 1000 * spent["real"]})
                bar.update()
    rows = {python: shared.medians(turns[python]) for python in pythons}
    first = rows[pythons[0]]
    ratios = {"kept batch: times the first": "kept batch: ms", "records: times the first": "records: ms"}
    table = {}
    for python in pythons:
        table[names[python]] = {
            **rows[python],
            **{title: rows[python][column] / first[column] for title, column in ratios.items()},
        }
    shared.write(table, "lane")


if __name__ == "__main__":
    command_line.run(main, writes="output")
