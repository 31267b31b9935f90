"""How fast sound files are embedded, beside the same model on waveforms that lie in memory.

    python -m experiments.benchmarks.embed --output=benchmark

exports an untrained ResNet-50 (as published, unless flags of the network say otherwise), writes noises of ten seconds
(44.1 kHz, stereo) in each of --formats, and measures, in turns:

* bare: windows of noise through the SavedModel (front end and network), batch after batch;
* embed: what a worker of `experiments.embed` does with the files: decode, resample, cut into windows, the SavedModel,
  Parquet;
* program: `experiments.embed` itself with a process per core, on --clips and on three times --clips files for each of
  them. The rate is that of the difference, and what all of AudioSet takes is computed from it.

None counts the time to start and to load the model.
"""

import os
import pathlib
import sys
import tempfile
import time
from typing import Any, Dict, Mapping, Sequence

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config import options
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("formats", ["wav", "flac", "mp3"], "Of what soundfile writes: wav, flac, mp3, ogg.")
flags.DEFINE_integer("clips", 32, "Files of each format, ten windows each; for the program, of each process.", 1)
flags.DEFINE_integer("batch_size", 64, "Windows per call of the model.", 1)
flags.DEFINE_integer("workers", 0, "Processes of the program; 0: one per core.", 0)
command_line.define_flags(EmbeddingNetworkConfig)

MODULE = "experiments.benchmarks.embed"  # also where it runs as a program
WINDOWS_PER_CLIP = 10
AUDIOSET_CLIPS = 2_084_320  # segments in the lists of the release, of ten seconds each


def export(folder: str, config: str) -> Dict[str, float]:
    """Writes the SavedModel of an untrained network, whose EmbeddingNetworkConfig comes as JSON."""
    from audioset_triplet.export import saved_model
    from audioset_triplet.frontend import registry
    from audioset_triplet.models import networks

    parsed = options.from_json(EmbeddingNetworkConfig, config)
    network = networks.build_embedding(parsed, networks.feature_shape(parsed))
    saved_model.export(network, folder, registry.by_name(parsed.front_end), {"weights": "untrained"})
    return {}


def measure(model_folder: str, sound_folders: Sequence[str], batch_size: int) -> Dict[str, Any]:
    """Windows per second by folder of sounds: [bare, embed]."""
    from audioset_triplet.export import loaded_model

    model = loaded_model.ExportedModel(model_folder)
    _bare(model, batch_size, batch_size)  # the first call is slow
    rates = {}
    for sounds in sound_folders:
        started = time.monotonic()
        num_windows = _embed(model, sounds, batch_size)
        rate = num_windows / (time.monotonic() - started)
        rates[sounds] = [_bare(model, num_windows, batch_size), rate]
    return rates


def _bare(model: Any, num_windows: int, batch_size: int) -> float:
    """Windows per second of the model alone."""
    import numpy as np

    noise = np.random.default_rng(0).normal(0, 0.1, [batch_size, model.window_samples]).astype(np.float32)
    started = time.monotonic()
    for start in range(0, num_windows, batch_size):
        model.window_vectors(list(noise[: num_windows - start]))
    return num_windows / (time.monotonic() - started)


def _embed(model: Any, folder: str, batch_size: int) -> int:
    """Embeds the files of a folder into another, and says how many windows they have."""
    from audioset_triplet.export import audio_clips, embedder
    from audioset_triplet.store.part_writers import ParquetPartWriter

    items = audio_clips.find(folder, (), model).items
    clips = [clip for item in items for clip in audio_clips.clips_of(item, (), model)]
    with tempfile.TemporaryFile() as file:
        writer = ParquetPartWriter(file, model.info)
        totals = embedder.embed(clips, model, writer, batch_size)
        writer.close()
    for error in totals.rejects.values():
        raise error
    return writer.num_rows


def program(model: str, sizes: Mapping[int, str], num_workers: int, batch_size: int) -> Dict[str, float]:
    """The rate of the program, and what AudioSet takes at that rate.

    Args:
        model: folder of the SavedModel.
        sizes: number of files -> folder of so many; two of them.
        num_workers: processes.
        batch_size: windows per call of the model.
    """
    seconds = {}
    with tempfile.TemporaryDirectory() as scratch:
        for size, folder in sizes.items():
            output = os.path.join(scratch, str(size))
            flags_of_run = [f"--model={model}", f"--input={folder}", f"--output={output}"]
            flags_of_run += [f"--num_workers={num_workers}", f"--batch_size={batch_size}"]
            seconds[size], _ = shared.run([sys.executable, "-m", "experiments.embed", *flags_of_run])
        num_bytes = sum(path.stat().st_size for path in pathlib.Path(output).glob("*.parquet"))
    few, many = sizes
    rate = (many - few) * WINDOWS_PER_CLIP / (seconds[many] - seconds[few])
    hours = AUDIOSET_CLIPS * WINDOWS_PER_CLIP / rate / 3600
    return {
        "program: windows/s": rate,
        "AudioSet: hours": hours,
        "AudioSet: core hours": hours * num_workers,
        "AudioSet: GB of embeddings": num_bytes / many * AUDIOSET_CLIPS / 1e9,
    }


def main() -> None:
    command_line.require_flags("output", "formats")
    config = command_line.config_from_flags(EmbeddingNetworkConfig())
    num_workers = FLAGS.workers or os.cpu_count() or 1
    sizes = (FLAGS.clips, FLAGS.clips * num_workers, 3 * FLAGS.clips * num_workers)
    repeats: Dict[str, list] = {extension: [] for extension in FLAGS.formats}
    with tempfile.TemporaryDirectory() as scratch, progress_bar(total=FLAGS.repeats) as bar:
        model = os.path.join(scratch, "model")
        shared.call(MODULE, "export", model, options.to_json(config))
        folders = {
            extension: {size: os.path.join(scratch, f"{extension}-{size}") for size in sizes}
            for extension in FLAGS.formats
        }
        for extension, folder_of in folders.items():
            for size, folder in folder_of.items():
                shared.call("experiments.benchmarks.shared", "write_sounds", folder, extension, size)
        for _ in range(FLAGS.repeats):
            small = {extension: folder_of[FLAGS.clips] for extension, folder_of in folders.items()}
            rates = shared.call(MODULE, "measure", model, list(small.values()), FLAGS.batch_size)
            for extension, folder_of in folders.items():
                bare, embed = rates[small[extension]]
                row = {"bare: windows/s": bare, "embed: windows/s": embed, "of bare": embed / bare}
                larger = {size: folder_of[size] for size in sizes[1:]}
                row.update(program(model, larger, num_workers, FLAGS.batch_size))
                repeats[extension].append(row)
            bar.update()
    shared.write({name.upper(): shared.medians(rows) for name, rows in repeats.items()}, "format")


if __name__ == "__main__":
    command_line.run(main, writes="output")
