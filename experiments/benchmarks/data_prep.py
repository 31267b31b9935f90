"""How fast records are prepared, beside the bare cost of decoding and resampling.

    python -m experiments.benchmarks.data_prep --output=benchmark

writes noises of ten seconds (44.1 kHz, stereo) as WAV, FLAC, MP3 and OGG, and measures for each format, in one run:

  bare         librosa.load(path, sr=16000, mono=True) in a loop, one process
  one worker   `prepare_folder --num_workers=1`
  two workers  `prepare_folder --num_workers=2`

each as the slope between two numbers of clips, so that starting a process does not count (it is shown apart), and the
highest memory of any process; the median of some repeats. It writes OUTPUT/benchmark.json and benchmark.md.
"""

import os
import shutil
import sys
import tempfile
from typing import Dict, List, Tuple

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("formats", ["wav", "flac", "mp3", "ogg"], "Of wav, flac, mp3 and ogg.")
flags.DEFINE_list("num_clips", ["100", "500"], "The two numbers of clips.")

BARE = """
import sys, librosa
for path in sorted(__import__('pathlib').Path(sys.argv[1]).iterdir()):
    librosa.load(path, sr=16000, mono=True)
"""


def measure(extension: str, sizes: List[int], scratch: str) -> Dict[str, float]:
    """Seconds per clip of each way, and seconds to start and memory of the preparation."""
    seconds: Dict[Tuple[int, int], float] = {}
    memory = []
    records = os.path.join(scratch, "records")
    for size in sizes:
        folder = os.path.join(scratch, f"{extension}{size}")
        if not os.path.isdir(folder):
            shared.write_sounds(folder, extension, size)
        seconds[0, size], _ = shared.run([sys.executable, "-c", BARE, folder])
        for workers in (1, 2):
            command = [sys.executable, "-m", "data_prep.prepare_folder", f"--source={folder}", f"--output={records}"]
            seconds[workers, size], mib = shared.run([*command, f"--num_workers={workers}", "--num_shards=16"])
            memory.append(mib)
            shutil.rmtree(records)
    few, many = sizes
    bare, one, two = ((seconds[way, many] - seconds[way, few]) / (many - few) for way in range(3))
    return {
        "bare hours per core-hour": shared.SOUND_SECONDS / bare,
        "hours per core-hour": shared.SOUND_SECONDS / one,
        "of bare": bare / one,
        "two workers, times one": one / two,
        "seconds to start": seconds[2, few] - few * two,
        "MiB of a process": max(memory),
    }


def main() -> None:
    command_line.require_flags("output", "formats")
    sizes = list(command_line.integers("num_clips"))
    if len(sizes) != 2 or not shared.DISTINCT_SOUNDS <= sizes[0] < sizes[1]:
        raise UserError(f"--num_clips needs two numbers, the lower one first and at least {shared.DISTINCT_SOUNDS}.")
    if set(FLAGS.formats) - {"wav", "flac", "mp3", "ogg"}:
        raise UserError(f"--formats must be of wav, flac, mp3 and ogg, not {','.join(FLAGS.formats)}.")
    results: Dict[str, Dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch, progress_bar(total=len(FLAGS.formats) * FLAGS.repeats) as bar:
        for extension in FLAGS.formats:
            repeats = []
            for _ in range(FLAGS.repeats):
                repeats.append(measure(extension, sizes, scratch))
                bar.update()
            results[extension.upper()] = shared.medians(repeats)
    shared.write(results, "format")


if __name__ == "__main__":
    command_line.run(main, writes="output")
