"""Models for devices: windows per second, size and distance to float32 of each format, beside the SavedModel.

    python -m experiments.benchmarks.device --data='records/*.tfrecord' --folds=1,2,3 --eval_folds=4 \\
        --runs=trained=run --widths=0.25,0.5,1 --output=benchmark

exports MobileNets of --widths (untrained) and the networks of --runs, which give embeddings, in each format, and runs
them, a window per call, with one thread and with two, in turns. `times real time` is with the first of --threads:
windows per second times the hop, for a sound that is embedded without overlap.

int8 learns from windows of --folds. Cosines are to the SavedModel, which is float32, on windows of --eval_folds, none
of which is silent; they say little of an untrained network. `retrieval mAP` is that of the clips of --eval_folds, of
trained networks alone, and `mAP - float32` its difference to that of the SavedModel.
"""

import os
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar
from experiments.benchmarks import shared

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(shared)
flags.DEFINE_string("data", "", "Labelled TFRecords.")
flags.DEFINE_list("folds", ["1", "2", "3"], "Folds from whose clips int8 learns.")
flags.DEFINE_list("eval_folds", ["4"], "Folds on whose clips the formats are compared.")
flags.DEFINE_list("runs", [], "Trained networks, as NAME=DIR.")
flags.DEFINE_list("widths", ["0.25", "0.5", "1"], "Widths of the untrained MobileNets.")
flags.DEFINE_list("threads", ["1", "2"], "Numbers of threads.")
flags.DEFINE_integer("calibration_windows", 256, "Windows of --folds that int8 learns from.", 8)
flags.DEFINE_integer("eval_windows", 200, "Windows of --eval_folds whose cosines are taken.", 8)
flags.DEFINE_float("seconds", 2.0, "Of measuring each format with each number of threads in each turn.")

MODULE = "experiments.benchmarks.device"
SAVED_MODEL = "SavedModel"
TFLITE = {"TFLite float32": "none", "TFLite float16": "float16", "TFLite dynamic": "dynamic", "TFLite int8": "int8"}
ONNX = "ONNX float32"


def export(folder: str, network: Dict[str, str], audio: Dict[str, Any]) -> Dict[str, float]:
    """Writes a network in every format, a folder each, and says how many MB each has.

    Args:
        folder: where.
        network: `width` of a MobileNet, or the folder of a `run`.
        audio: `data`, `folds`, and how many `windows`.
    """
    import importlib.util

    from audioset_triplet.config.export import ExportConfig
    from audioset_triplet.config.network import EmbeddingNetworkConfig
    from audioset_triplet.export import calibration, device_export, saved_model
    from audioset_triplet.frontend import registry
    from audioset_triplet.models import networks
    from audioset_triplet.runs import trained_networks

    if "run" in network:
        trained = trained_networks.restore_model(network["run"])
        live, config, names = trained.network, trained.config.network, trained.class_names
    else:
        config = EmbeddingNetworkConfig(architecture="mobilenet", width=float(network["width"]))
        live, names = networks.build_embedding(config, networks.feature_shape(config)), {}
    portable = registry.portable(config.front_end)
    windows = calibration.windows(audio["data"], audio["folds"], portable, audio["windows"])
    path = os.path.join(folder, SAVED_MODEL)
    saved_model.export(live, path, registry.by_name(config.front_end), {}, names)
    files = (os.path.join(place, name) for place, _, found in os.walk(path) for name in found)
    megabytes = {SAVED_MODEL: sum(map(os.path.getsize, files)) / 1e6}
    configs = {
        title: ExportConfig(format="tflite", quantization=name, calibration=audio["data"])
        for title, name in TFLITE.items()
    }
    if importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime"):
        configs[ONNX] = ExportConfig(format="onnx", calibration=audio["data"])
    for title, of_format in configs.items():
        written = device_export.export(live, os.path.join(folder, title), portable, {}, names, of_format, windows)
        megabytes[title] = written.num_bytes / 1e6
    return megabytes


def measure(folder: str, titles: Sequence[str], num_threads: int, seconds: float) -> Dict[str, float]:
    """Windows per second of each format, a window per call."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return {title: _rate(os.path.join(folder, title), num_threads, seconds) for title in titles}


def _rate(path: str, num_threads: int, seconds: float) -> float:
    import numpy as np

    run, record = _function(path, num_threads), _record(path)
    channels = [record["num_channels"]] if record["num_channels"] > 1 else []
    noise = np.random.default_rng(0).normal(0, 0.1, [1, record["window_samples"], *channels]).astype(np.float32)
    run(noise)  # the first call is slow
    count, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        run(noise)
        count += 1
    return count / (time.monotonic() - started)


def _function(path: str, num_threads: int) -> Callable[[Any], Any]:
    """The model in a folder: a window [1, L], of several channels [1, L, A], -> its embedding."""
    import tensorflow as tf

    from audioset_triplet.export import device_model, model_folder, saved_model_function

    file = model_folder.device_file(path)
    opened = device_model.open_file(file, num_threads) if os.path.isfile(file) else None
    if opened:
        function = opened[0]
        return lambda window: function.run(window)["embedding"]
    loaded = saved_model_function.load(path)
    serve = loaded.signatures["serving_default"]

    def run(window: Any) -> Any:
        return serve(waveform=tf.constant(window), num_samples=tf.constant([window.shape[1]]))["embedding"].numpy()

    return run


def _record(path: str) -> Dict[str, Any]:
    """What the model in a folder says of itself."""
    from audioset_triplet import files
    from audioset_triplet.export import model_folder

    return files.read_json_object(os.path.join(path, model_folder.RECORD))


def compare(folder: str, titles: Sequence[str], audio: Dict[str, Any], is_trained: bool) -> Dict[str, Dict[str, float]]:
    """By format: cosines to the SavedModel on windows, and the retrieval mAP of clips.

    Args:
        folder: of `export`.
        titles: the formats, the SavedModel first.
        audio: as for `export`.
        is_trained: whether retrieval is measured.
    """
    import numpy as np

    from audioset_triplet.config.embedding import EmbeddingModelConfig
    from audioset_triplet.export import calibration, loaded_model
    from audioset_triplet.frontend import registry

    rows: Dict[str, Dict[str, float]] = {}
    expected: Optional[np.ndarray] = None
    windows: List[np.ndarray] = []
    for title in titles:
        model = loaded_model.load(EmbeddingModelConfig(model=os.path.join(folder, title)))
        if expected is None:
            front_end = registry.by_id(model.front_end_id)
            windows = list(calibration.windows(audio["data"], audio["folds"], front_end, audio["windows"]))
        vectors = model.window_vectors(windows)[0]
        expected = vectors if expected is None else expected
        cosines = np.sum(vectors * expected, axis=1)
        retrieval_map = _retrieval(os.path.join(folder, title), audio) if is_trained else float("nan")
        rows[title] = {
            "smallest cosine to float32": float(cosines.min()),
            "mean cosine to float32": float(cosines.mean()),
            "retrieval mAP": retrieval_map,
        }
        rows[title]["mAP - float32"] = retrieval_map - rows[titles[0]]["retrieval mAP"]
    return rows


def _retrieval(model: str, audio: Dict[str, Any]) -> float:
    """The retrieval mAP of the clips."""
    from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
    from audioset_triplet.config.evaluation import RetrievalConfig
    from audioset_triplet.config.runners import RunnerConfig
    from audioset_triplet.evaluation import retrieval
    from audioset_triplet.export import embedding_job
    from audioset_triplet.store import stored_clips

    config = EmbeddingConfig(model=EmbeddingModelConfig(model=model), folds=tuple(audio["folds"]))
    with tempfile.TemporaryDirectory() as output:
        embedding_job.embed(audio["data"], output, config, RunnerConfig(num_workers=1))
        return float(retrieval.evaluate(RetrievalConfig(), stored_clips.read_clips(output)).map)


def main() -> None:
    command_line.require_flags("output", "data")
    networks = {f"MobileNet, width {width}": {"width": width} for width in FLAGS.widths}
    networks.update({name: {"run": path} for name, path in command_line.named_folders("runs").items()})
    learned = {"data": FLAGS.data, "folds": command_line.integers("folds"), "windows": FLAGS.calibration_windows}
    evaluated = {"data": FLAGS.data, "folds": command_line.integers("eval_folds"), "windows": FLAGS.eval_windows}
    table: Dict[str, shared.Row] = {}
    for name, network in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            megabytes = shared.call(MODULE, "export", folder, network, learned)
            numbers = shared.call(MODULE, "compare", folder, list(megabytes), evaluated, "run" in network)
            turns: Dict[str, List[Dict[str, float]]] = {title: [] for title in megabytes}
            for _ in progress_bar(range(FLAGS.repeats), name, "turns"):
                rates: Dict[str, Dict[str, float]] = {title: {} for title in megabytes}
                for threads in command_line.integers("threads"):
                    measured = shared.call(MODULE, "measure", folder, list(megabytes), threads, FLAGS.seconds)
                    for title, rate in measured.items():
                        rates[title][f"{counted(threads, 'thread')}: windows/s"] = rate
                for title, of_format in rates.items():
                    turns[title].append(of_format)
            record = _record(os.path.join(folder, SAVED_MODEL))
        for title, rows in turns.items():
            medians = shared.medians(rows)
            real_time = next(iter(medians.values())) * record["hop_samples"] / record["sample_rate_hz"]
            sizes = {"MB": megabytes[title], **medians, "times real time": real_time}
            table[f"{name}: {title}"] = {**sizes, **numbers[title]}
    shared.write(table, "network, format")


if __name__ == "__main__":
    command_line.run(main, writes="output")
