"""LAMB (You et al. 2020, algorithm 2): Adam whose step in a layer is as long as its weights.

The arithmetic and the slots are those of tensorflow-addons, which one of the lanes lacks (`compat`): weights are equal
bit for bit, and a run goes on from a checkpoint that the other has written.
"""

from typing import Any, List, Sequence

import tensorflow as tf

_BETAS = (0.9, 0.999)  # of the means of gradients and of their squares
_EPSILON = 1e-6


class Lamb(tf.keras.optimizers.legacy.Optimizer):
    """The optimizer, with the settings of the paper but for learning rate and decay."""

    def __init__(self, learning_rate: Any, weight_decay: float, not_decayed: Sequence[str]) -> None:
        """
        Args:
            learning_rate: a schedule.
            weight_decay: decoupled from the gradient.
            not_decayed: substrings of the names of weights that do not decay and whose steps are not scaled.
        """
        super().__init__("LAMB")
        self._not_decayed = tuple(not_decayed)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("weight_decay", weight_decay)
        for name, beta in zip(("beta_1", "beta_2"), _BETAS):
            self._set_hyper(name, beta)

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        for slot in ("m", "v"):
            for variable in var_list:
                self.add_slot(variable, slot)

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable, apply_state: Any = None) -> Any:
        dtype = var.dtype.base_dtype
        learning_rate = apply_state[(var.device, dtype)]["lr_t"]
        step = tf.cast(self.iterations + 1, dtype)
        means = []
        for slot, beta_name, values in (("m", "beta_1", grad), ("v", "beta_2", grad * grad)):
            beta, mean = self._get_hyper(beta_name, dtype), self.get_slot(var, slot)
            mean = mean.assign(mean * beta + values * (1.0 - beta), use_locking=self._use_locking)
            means.append(mean / (1.0 - tf.pow(beta, step)))
        update = means[0] / (tf.sqrt(means[1]) + tf.constant(_EPSILON, dtype))
        if not any(part in var.name for part in self._not_decayed):
            update += self._get_hyper("weight_decay", dtype) * var
            learning_rate *= _trust_ratio(var, update)
        return var.assign(var - learning_rate * update, use_locking=self._use_locking)


def _trust_ratio(weights: tf.Variable, update: tf.Tensor) -> tf.Tensor:
    """The length of the weights over that of the update; 1 where either is 0."""
    lengths = tf.norm(weights), tf.norm(update)
    both = tf.logical_and(lengths[0] > 0, lengths[1] > 0)
    return tf.where(both, lengths[0] / lengths[1], tf.ones_like(lengths[0]))
