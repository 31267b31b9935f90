"""How fast sound files are embedded, beside the same model on waveforms that lie in memory.

    python -m experiments.benchmarks.embed --output=benchmark

exports an untrained ResNet-50 (as published, unless flags of the network say otherwise), writes noises of ten seconds
(44.1 kHz, stereo) in each of --formats, and measures, in turns:

* bare: windows of noise through the SavedModel (front end and network), batch after batch;
* embed: what `experiments.embed` does with the files: decode, resample, cut into windows, the SavedModel, Parquet.

Neither counts the time to start and to load the model.
"""

import os
import tempfile
import time
from typing import Any, Dict, Sequence

from absl import flags
from tqdm import tqdm

from audioset_triplet import command_line
from audioset_triplet.config import options
from audioset_triplet.config.network import EmbeddingNetworkConfig
from audioset_triplet.errors import UserError
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_list("formats", ["wav", "flac", "mp3"], "Of what soundfile writes: wav, flac, mp3, ogg.")
flags.DEFINE_integer("clips", 32, "Files of each format; ten windows each.", 1)
flags.DEFINE_integer("batch_size", 64, "Windows per call of the model.", 1)
command_line.define_flags(EmbeddingNetworkConfig)

MODULE = "experiments.benchmarks.embed"  # also where it runs as a program


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
        model.embed_windows(list(noise[: num_windows - start]))
    return num_windows / (time.monotonic() - started)


def _embed(model: Any, folder: str, batch_size: int) -> int:
    """Embeds the files of a folder into another, and says how many windows they have."""
    from audioset_triplet.export import audio_clips, embedder
    from audioset_triplet.store.embeddings import EmbeddingWriter

    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    with tempfile.TemporaryDirectory() as output:
        with EmbeddingWriter(output, model.model_id, model.front_end_id, model.embedding_size) as writer:
            clips = audio_clips.file_clips(paths, paths, model)
            totals = embedder.embed(clips, model, writer, batch_size, len(paths))
    if totals.rejects:
        raise UserError(f"{len(totals.rejects)} files were rejected, the first: {totals.rejects[0][1]}")
    return totals.num_windows


def main() -> None:
    command_line.require_flags("output", "formats")
    config = command_line.config_from_flags(EmbeddingNetworkConfig())
    repeats: Dict[str, list] = {extension: [] for extension in FLAGS.formats}
    with tempfile.TemporaryDirectory() as scratch, tqdm(total=FLAGS.repeats, disable=None) as bar:
        model = os.path.join(scratch, "model")
        shared.call(MODULE, "export", model, options.to_json(config))
        folders = {extension: os.path.join(scratch, extension) for extension in FLAGS.formats}
        for extension, folder in folders.items():
            shared.call("experiments.benchmarks.shared", "write_sounds", folder, extension, FLAGS.clips)
        for _ in range(FLAGS.repeats):
            rates = shared.call(MODULE, "measure", model, list(folders.values()), FLAGS.batch_size)
            bar.update()
            for extension, folder in folders.items():
                bare, embed = rates[folder]
                repeats[extension].append({"bare: windows/s": bare, "embed: windows/s": embed, "of bare": embed / bare})
    shared.write({name.upper(): shared.medians(rows) for name, rows in repeats.items()}, "format")


if __name__ == "__main__":
    command_line.run(main, writes="output")
