"""Where a classifier starts from: the network of another run, of which all layers learn or those on top alone."""

import dataclasses

import tensorflow as tf

from audioset_triplet.config.classifier import ClassifierConfig
from audioset_triplet.config.network import NetworkConfig
from audioset_triplet.errors import UserError
from audioset_triplet.models import networks
from audioset_triplet.runs import checkpoints, run_config, trained_networks

# Fields of NetworkConfig in which two networks of the same weights may differ.
_NOT_OF_THE_WEIGHTS = ("batch_norm", "imagenet_weights")


def begin(network: tf.keras.Model, config: ClassifierConfig, workdir: str) -> None:
    """Gives the classifier of a run that begins its first weights, and fixes those that are not to learn.

    Layers that do not learn normalize by the mean and the variance that they started with.

    Args:
        network: the classifier, built by `config`.
        config: the settings.
        workdir: the run directory; a run that goes on has its weights from there.

    Raises:
        UserError: what `transfer` raises.
    """
    if config.start.start_from and not checkpoints.find_latest(workdir):
        transfer(network, config.network, config.start.start_from)
    if config.start.trained_layers == "head":
        for layer in networks.architecture_of(network).layers:
            layer.trainable = False


def transfer(network: tf.keras.Model, config: NetworkConfig, start_from: str) -> None:
    """Gives a classifier the weights of the network of a run, but for the layers on top.

    Args:
        network: the classifier.
        config: its sizes.
        start_from: directory of a run that has ended, of any objective that trains a network on windows.

    Raises:
        UserError: what `require` raises.
    """
    require(config, start_from)
    source = networks.architecture_of(trained_networks.restore_network(start_from))
    networks.architecture_of(network).set_weights(source.get_weights())


def require(config: NetworkConfig, start_from: str) -> None:
    """Raises a UserError where a classifier cannot start from a run.

    There is no such run, it has not ended, or its network has another front end or other sizes.

    Args:
        config: the sizes of the classifier.
        start_from: directory of the run.
    """
    settings = run_config.read(start_from)
    if not hasattr(settings, "network"):
        raise UserError(f"{start_from}: this run trains no network on windows.")
    if not checkpoints.has_ended(start_from, settings):
        raise UserError(f"{start_from}: this run has not taken all its steps; run it to its end first.")
    different = [
        f"{field.name}: {getattr(settings.network, field.name)}, here {getattr(config, field.name)}"
        for field in dataclasses.fields(NetworkConfig)
        if field.name not in _NOT_OF_THE_WEIGHTS
        and getattr(settings.network, field.name) != getattr(config, field.name)
    ]
    if different:
        raise UserError(f"{start_from}: its network is another one ({'; '.join(different)}).")
