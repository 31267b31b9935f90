"""How fast records are prepared, beside the bare cost of decoding and resampling.

    python -m experiments.benchmark_data_prep --output=benchmark

writes noises of ten seconds (44.1 kHz, stereo) as WAV, FLAC, MP3 and OGG, and measures for each format, in one run:

  bare         librosa.load(path, sr=16000, mono=True) in a loop, one process
  one worker   `prepare_folder --num_workers=1`
  two workers  `prepare_folder --num_workers=2`

each as the slope between two numbers of clips, so that starting a process does not count (it is shown apart), and the
highest memory of any process; the median of some repeats. It writes OUTPUT/benchmark.json and benchmark.md. The ratios
are what to compare: hours of audio per core-hour depend on the machine. Nothing else should run beside it.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, Tuple

import numpy as np
import soundfile
from absl import flags
from tqdm import tqdm

from audioset_triplet import command_line, files
from audioset_triplet.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "", "Folder for benchmark.json and benchmark.md.")
flags.DEFINE_list("formats", ["wav", "flac", "mp3", "ogg"], "Of wav, flac, mp3 and ogg.")
flags.DEFINE_list("num_clips", ["100", "500"], "The two numbers of clips.")
flags.DEFINE_integer("repeats", 3, "How often each is measured.", 1)

SECONDS, RATE_HZ, DISTINCT = 10, 44100, 20
BARE = """
import sys, librosa
for path in sorted(__import__('pathlib').Path(sys.argv[1]).iterdir()):
    librosa.load(path, sr=16000, mono=True)
"""


def write_sounds(folder: str, extension: str, num_clips: int) -> None:
    """White noises, which no codec finds easy; a few distinct ones, each under many names."""
    os.makedirs(folder)
    for index in range(num_clips):
        path = os.path.join(folder, f"{index:05d}.{extension}")
        if index < DISTINCT:
            noise = np.random.default_rng(index).standard_normal((SECONDS * RATE_HZ, 2))
            soundfile.write(path, 0.1 * noise, RATE_HZ)
        else:
            os.link(os.path.join(folder, f"{index % DISTINCT:05d}.{extension}"), path)


def run(command: List[str]) -> Tuple[float, float]:
    """Seconds that a command takes, and the highest memory (MiB) of it and of the processes that it starts."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            errors.seek(0)
            raise UserError(f"{' '.join(command[1:3])} failed: {errors.read().strip().splitlines()[-1]}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def measure(extension: str, sizes: List[int], scratch: str) -> Dict[str, float]:
    """Seconds per clip of each way, and seconds to start and memory of the preparation."""
    seconds: Dict[Tuple[int, int], float] = {}
    memory = []
    records = os.path.join(scratch, "records")
    for size in sizes:
        folder = os.path.join(scratch, f"{extension}{size}")
        if not os.path.isdir(folder):
            write_sounds(folder, extension, size)
        seconds[0, size], _ = run([sys.executable, "-c", BARE, folder])
        for workers in (1, 2):
            command = [sys.executable, "-m", "data_prep.prepare_folder", f"--source={folder}", f"--output={records}"]
            seconds[workers, size], mib = run([*command, f"--num_workers={workers}", "--num_shards=16"])
            memory.append(mib)
            shutil.rmtree(records)
    few, many = sizes
    bare, one, two = ((seconds[way, many] - seconds[way, few]) / (many - few) for way in range(3))
    return {
        "bare hours per core-hour": SECONDS / bare,
        "hours per core-hour": SECONDS / one,
        "of bare": bare / one,
        "two workers, times one": one / two,
        "seconds to start": seconds[2, few] - few * two,
        "MiB of a process": max(memory),
    }


def markdown(results: Dict[str, Dict[str, float]]) -> str:
    columns = list(next(iter(results.values())))
    lines = [f"| format | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for extension, row in results.items():
        values = (f"{value:.3g}" if value < 10 else f"{value:.0f}" for value in row.values())
        lines.append(f"| {extension.upper()} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    command_line.require_flags("output", "formats")
    sizes = list(command_line.integers("num_clips"))
    if len(sizes) != 2 or not DISTINCT <= sizes[0] < sizes[1]:
        raise UserError(f"--num_clips needs two numbers, the lower one first and at least {DISTINCT}.")
    if set(FLAGS.formats) - {"wav", "flac", "mp3", "ogg"}:
        raise UserError(f"--formats must be of wav, flac, mp3 and ogg, not {','.join(FLAGS.formats)}.")
    results: Dict[str, Dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch, tqdm(total=len(FLAGS.formats) * FLAGS.repeats, disable=None) as bar:
        for extension in FLAGS.formats:
            repeats = []
            for _ in range(FLAGS.repeats):
                repeats.append(measure(extension, sizes, scratch))
                bar.update()
            results[extension] = {key: statistics.median(one[key] for one in repeats) for key in repeats[0]}
    os.makedirs(FLAGS.output, exist_ok=True)
    files.write_text(os.path.join(FLAGS.output, "benchmark.json"), json.dumps(results, indent=2) + "\n")
    files.write_text(os.path.join(FLAGS.output, "benchmark.md"), markdown(results))
    print(markdown(results) + f"wrote {FLAGS.output}/benchmark.json and benchmark.md")


if __name__ == "__main__":
    command_line.run(main)
