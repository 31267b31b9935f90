"""Devices: which tf.distribute strategy runs a training, and how a loss is scaled under it."""

import json
import os

import tensorflow as tf

from audioset_triplet.errors import UserError


def build_strategy(name: str) -> tf.distribute.Strategy:
    """The strategy for `--strategy`.

    Args:
        name: `auto` (a TPU where TPU_NAME names one, the workers of TF_CONFIG where it is set, several GPUs, else one
            device), `one`, `mirrored` (all GPUs, or all logical CPU devices), `multi_worker` or `tpu`.

    Raises:
        UserError: the devices that the name asks for are not there, or TF_CONFIG cannot be read.
    """
    if name == "auto" and os.environ.get("TPU_NAME"):
        name = "tpu"
    if name == "multi_worker" or (name == "auto" and os.environ.get("TF_CONFIG")):
        if not os.environ.get("TF_CONFIG"):
            raise UserError("--strategy=multi_worker needs the environment variable TF_CONFIG (cluster and task).")
        num_workers()  # a TF_CONFIG that cannot be read is named before TensorFlow meets it
        return tf.distribute.MultiWorkerMirroredStrategy()  # before anything asks for devices
    if name == "tpu":
        return _tpu_strategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "one" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(os.environ.get("TPU_NAME", ""))
    except (ValueError, tf.errors.OpError) as error:
        raise UserError(
            f"--strategy=tpu found no TPU (TPU_NAME={os.environ.get('TPU_NAME', '')!r}): {error}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def num_workers() -> int:
    """The tasks in the cluster of TF_CONFIG; 0 where it describes none.

    Raises:
        UserError: TF_CONFIG cannot be read.
    """
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    except ValueError as error:
        raise UserError(f"the environment variable TF_CONFIG is no JSON: {error}.") from error
    return sum(map(len, cluster.values()))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the checkpoints and logs of the run: one of several workers, or the only process."""
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return not several or is_chief_task(os.environ["TF_CONFIG"])


def is_chief_task(tf_config: str) -> bool:
    """Whether a TF_CONFIG (JSON) is that of the chief; in a cluster that names none that is worker 0."""
    settings = json.loads(tf_config)
    task = settings.get("task", {})
    chief = "chief" if "chief" in settings.get("cluster", {}) else "worker"
    return (task.get("type", "worker"), task.get("index", 0)) == (chief, 0)


def scale_for_sum(batch_wide_loss: tf.Tensor) -> tf.Tensor:
    """A replica's mean loss, scaled so that the gradients that the optimizer sums over replicas are their mean.

    The one place where a loss is divided by the number of replicas.
    """
    return batch_wide_loss / tf.distribute.get_strategy().num_replicas_in_sync


def unscale(scaled: tf.Tensor) -> tf.Tensor:
    """The inverse of `scale_for_sum`, for what is reported of a scaled loss."""
    return scaled * tf.distribute.get_strategy().num_replicas_in_sync
