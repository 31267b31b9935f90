"""Mixup: examples and targets become mixtures of two (Zhang et al. 2018, "mixup: beyond empirical risk minimization").

    x = lambda x_i + (1 - lambda) x_j,    t = lambda t_i + (1 - lambda) t_j,    lambda ~ Beta(alpha, alpha)

The second example of a pair is of the same batch, in random order, as Zhang et al. do. What is mixed are waveforms, as
in PSLA (Gong et al. 2021), which mixes half of the examples with alpha 10: a mixture of waveforms is what a microphone
would record, and features are computed once for each. PANNs (Kong et al. 2020) mixes all examples with alpha 1.

The same seed gives the same mixtures.
"""

from typing import Tuple

import numpy as np
import tensorflow as tf
from scipy import special

from audioset_triplet.sampling import draws

_NUM_QUANTILES = 4096  # to whose middles the shares are rounded


def draw_shares(num_examples: int, alpha: float, share: float, seed: tf.Tensor) -> tf.Tensor:
    """lambda of each example, float32 [B]: 1 for those that are not mixed.

    Args:
        num_examples: B.
        alpha: of the Beta distribution, more than 0.
        share: how many of the examples are mixed, in the mean; from 0 to 1.
        seed: int [2].
    """
    middles = (np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES
    quantiles = tf.constant(special.betaincinv(alpha, alpha, middles), tf.float32)
    which_seed, share_seed = draws.split(seed, 2)
    drawn = tf.gather(quantiles, draws.integers([num_examples], share_seed, 0, _NUM_QUANTILES))
    return tf.where(draws.uniform([num_examples], which_seed) < share, drawn, 1.0)


def mix(waveforms: tf.Tensor, targets: tf.Tensor, shares: tf.Tensor, seed: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """Waveforms [B, S] or [B, S, A] and targets [B, C], each mixed with those of another row; of the same shapes.

    Args:
        waveforms, targets: float32.
        shares: lambda, [B].
        seed: int [2], of the order of the second examples; an example may meet itself.
    """
    order = draws.order(waveforms.shape[0], seed)

    def mixed(x: tf.Tensor) -> tf.Tensor:
        share = tf.reshape(shares, [-1, *(1 for _ in x.shape[1:])])
        return share * x + (1.0 - share) * tf.gather(x, order)

    return mixed(waveforms), mixed(targets)
