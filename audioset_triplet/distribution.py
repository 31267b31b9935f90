"""Devices: the tf.distribute strategy of a run, and the exchange of tensors between its replicas."""

import json
import os
import platform
from typing import Any

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
        raise UserError(f"the environment variable TF_CONFIG is not JSON: {error}.") from error
    return sum(map(len, cluster.values()))


def machine() -> str:
    """This machine in a line: its system, processor, cores and GPUs."""
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, {num_gpus} GPUs"


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


def sum_over_replicas(tensors: Any) -> Any:
    """The sums of tensors, or of a list of them, over all replicas; the same on each. To be called in each of them."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def gather(tensor: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, the first replica's first: [B, ...] -> [R B, ...]. To be called in each replica.

    Gradients flow back to the replica that a row came from, from the losses of all replicas. It is a sum of tensors
    that are zero but for a replica's own rows: all strategies support that, with gradients and for all numeric types,
    unlike `all_gather` (it fails for workers, and has no gradient for several types).
    """
    num_replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if num_replicas == 1:
        return tensor
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    scattered = tf.scatter_nd([[replica]], tensor[tf.newaxis], tf.concat([[num_replicas], tf.shape(tensor)], 0))
    rows = tf.reshape(sum_over_replicas(scattered), tf.concat([[-1], tf.shape(tensor)[1:]], 0))
    return _with_dense_gradient(tf.ensure_shape(rows, [None, *tensor.shape[1:]]))


@tf.custom_gradient
def _with_dense_gradient(tensor: tf.Tensor) -> Any:
    """The same tensor: the sparse gradients of `tf.gather` cannot be summed over replicas."""
    return tf.identity(tensor), tf.convert_to_tensor
