"""What the benchmarks share: measurements in separate processes, and the table that they write.

Compare ratios within one run; seconds depend on the machine. Nothing else should run beside a benchmark.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from absl import flags

from audioset_triplet import files
from audioset_triplet.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for benchmark.json and benchmark.md.")
flags.DEFINE_integer("repeats", 3, "How often each is measured; the table has the medians.", 1)

SOUND_SECONDS = 10  # of each clip that `write_records` and `write_sounds` write
DISTINCT_SOUNDS = 20  # of `write_sounds`
_FILES = 4  # of `write_records`

Row = Mapping[str, float]  # title of a column -> value


def run(command: Sequence[str]) -> Tuple[float, float]:
    """Seconds that a command takes, and the highest memory (MiB) of it and of the processes that it starts."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            errors.seek(0)
            raise UserError(f"{' '.join(command[1:3])} failed: {errors.read().strip().splitlines()[-1]}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def call(module: str, function: str, *arguments: Any, python: str = sys.executable) -> Any:
    """What a function of a module returns in a process of its own: nothing that ran before weighs on it.

    Args:
        module, function: their names; the function returns what JSON has, as numbers by name.
        arguments: for it, as JSON has them.
        python: of an environment with this project.

    Raises:
        UserError: it cannot be run, or the function fails.
    """
    code = f"import json, sys, {module} as m; print(json.dumps(m.{function}(*json.loads(sys.argv[1]))))"
    command = [python, "-c", code, json.dumps(arguments)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"{python} cannot be run: {error.strerror}") from error
    if result.returncode:
        last = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
        raise UserError(f"{module}.{function}{arguments} failed: {last}")
    return json.loads(result.stdout.splitlines()[-1])


def write_records(folder: str, num_clips: int) -> Dict[str, float]:
    """Records of noises of ten seconds, in four files of a folder."""
    import numpy as np
    import tensorflow as tf  # not in the process that starts the others

    from audioset_triplet.records import schema

    random = np.random.default_rng(0)
    for number in range(_FILES):
        with tf.io.TFRecordWriter(f"{folder}/{number}.tfrecord") as writer:
            for index in range(num_clips // _FILES):
                name = f"{number}-{index}"
                pcm = random.integers(-8000, 8000, 160_000, np.int16)
                writer.write(schema.clip_to_example(schema.Clip(name, name, 0.0, 10.0, (), (), 0, pcm)))
    return {}


def write_sounds(folder: str, extension: str, num_clips: int) -> Dict[str, float]:
    """Noises of ten seconds at 44.1 kHz, stereo, which no codec finds easy; a few distinct ones under many names."""
    import numpy as np
    import soundfile

    rate_hz = 44100
    os.makedirs(folder)
    for index in range(num_clips):
        path = os.path.join(folder, f"{index:05d}.{extension}")
        if index < DISTINCT_SOUNDS:
            noise = np.random.default_rng(index).standard_normal((SOUND_SECONDS * rate_hz, 2))
            soundfile.write(path, 0.1 * noise, rate_hz)
        else:
            os.link(os.path.join(folder, f"{index % DISTINCT_SOUNDS:05d}.{extension}"), path)
    return {}


def highest_memory() -> float:
    """The most memory (MiB) that this process has held; `getrusage` would begin with that of its parent."""
    with open("/proc/self/status", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def medians(repeats: Sequence[Row]) -> Dict[str, float]:
    return {title: statistics.median(row[title] for row in repeats) for title in repeats[0]}


def write(rows: Mapping[str, Row], what: str) -> None:
    """Writes --output/benchmark.json and benchmark.md, and prints the table.

    Args:
        rows: name -> what was measured; all of the same columns, in which NaN stands for what was not.
        what: title of the column of names.
    """
    titles: List[str] = list(next(iter(rows.values())))
    lines = [f"| {what} | {' | '.join(titles)} |", "|---" * (1 + len(titles)) + "|"]
    lines += [f"| {name} | {' | '.join(_shown(row[title]) for title in titles)} |" for name, row in rows.items()]
    os.makedirs(FLAGS.output, exist_ok=True)
    files.write_text(os.path.join(FLAGS.output, "benchmark.json"), json.dumps(rows, indent=2) + "\n")
    files.write_text(os.path.join(FLAGS.output, "benchmark.md"), "\n".join(lines) + "\n")
    print(*lines, f"wrote {FLAGS.output}/benchmark.json and benchmark.md", sep="\n")


def _shown(value: float) -> str:
    if value != value:
        return ""
    return f"{value:.3g}" if value < 10 else f"{value:,.0f}"
