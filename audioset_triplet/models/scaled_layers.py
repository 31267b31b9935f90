"""The layers that architectures consist of: convolutions and dense layers with ReLU, at the width of a network.

Batch normalization follows every convolution, which has no bias, and no dense layer, which has one (Hershey et al.
2017, section 3). Initial weights are he_normal and statistics move by a hundredth a step unless a network asks for
other ones.
"""

import math
from typing import Callable, Optional, Tuple, Union

import tensorflow as tf

from audioset_triplet.config.network import NetworkConfig

layers = tf.keras.layers

_Size = Union[int, Tuple[int, int]]  # of a side, or of time and frequency


class ScaledLayers:
    """Makes the layers of one network.

    Attributes:
        synchronized: whether batch normalization is that of all devices.
    """

    def __init__(
        self,
        config: NetworkConfig,
        build_initializer: Callable[[], tf.keras.initializers.Initializer] = tf.keras.initializers.HeNormal,
        momentum: float = 0.99,
    ) -> None:
        """
        Args:
            config: gives width and batch normalization.
            build_initializer: of the kernel of a convolution. Each has its own: one draws the same values again.
            momentum: of the statistics of batch normalization.
        """
        self.synchronized = config.batch_norm == "all"
        self._width, self._build_initializer, self._momentum = config.width, build_initializer, momentum

    def scaled(self, count: int) -> int:
        """Channels or units of the network, from those that are published."""
        return max(1, round(count * self._width))

    def convolution(
        self,
        x: tf.Tensor,
        channels: int,
        size: _Size,
        name: str,
        stride: _Size = 1,
        padding: str = "same",
        activate: bool = True,
    ) -> tf.Tensor:
        """Convolution, batch normalization, and ReLU unless `activate` is False.

        Args:
            x: [B, height, width, C].
            channels: of the output, as `scaled` gives them.
            size: of the kernel.
            name: of the layers, which end in `_conv`, `_norm` and `_relu`.
            stride: of the kernel.
            padding: `same`, `valid`, or `symmetric`: as PyTorch pads for a kernel of odd size, by the same on all
                sides, where `same` with a stride may pad the end alone.
            activate: whether ReLU follows.
        """
        if padding == "symmetric":
            padding = "same"
            if stride != 1:
                sides = (size, size) if isinstance(size, int) else size
                pads = tuple(side // 2 for side in sides)
                x, padding = layers.ZeroPadding2D(pads, name=f"{name}_pad")(x), "valid"
        x = layers.Conv2D(
            channels,
            size,
            stride,
            padding=padding,
            use_bias=False,
            kernel_initializer=self._build_initializer(),
            name=f"{name}_conv",
        )(x)
        x = self.norm(x, name)
        return layers.ReLU(name=f"{name}_relu")(x) if activate else x

    def depthwise_convolution(self, x: tf.Tensor, size: int, name: str, stride: int = 1) -> tf.Tensor:
        """A convolution of each channel by itself, padded, batch normalization and ReLU; names as in `convolution`."""
        x = layers.DepthwiseConv2D(
            size,
            stride,
            padding="same",
            use_bias=False,
            # he_normal, whose fan-in would count all channels.
            depthwise_initializer=tf.keras.initializers.TruncatedNormal(stddev=math.sqrt(2) / size),
            name=f"{name}_conv",
        )(x)
        return layers.ReLU(name=f"{name}_relu")(self.norm(x, name))

    def dense(self, x: tf.Tensor, units: int, name: str, dtype: Optional[str] = None) -> tf.Tensor:
        """A dense layer and ReLU, [B, C] -> [B, units].

        Args:
            x: its input.
            units: as `scaled` gives them.
            name: of the layers, which end in `_dense` and `_relu`.
            dtype: of the output; None: that of the policy.
        """
        x = layers.Dense(units, kernel_initializer="he_normal", name=f"{name}_dense")(x)
        return layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)

    def norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Batch normalization; the name of the layer ends in `_norm`."""
        return layers.BatchNormalization(
            momentum=self._momentum, epsilon=1e-5, synchronized=self.synchronized, name=f"{name}_norm"
        )(x)
