"""The attention unit of ESResNet in NumPy, by loops, from the description of its code (model/attention.py).

Maps are [B, C, height, width] with frequency as the height, as there.
"""

import math

import numpy as np


def adaptive_maximum(x, size):
    """PyTorch's AdaptiveMaxPool2d: row i of h is the maximum of rows floor(i H / h) to ceil((i + 1) H / h)."""
    height, width = x.shape[2:]
    out = np.empty([*x.shape[:2], *size])
    for row in range(size[0]):
        rows = slice(math.floor(row * height / size[0]), math.ceil((row + 1) * height / size[0]))
        for column in range(size[1]):
            columns = slice(math.floor(column * width / size[1]), math.ceil((column + 1) * width / size[1]))
            out[:, :, row, column] = x[:, :, rows, columns].max(axis=(2, 3))
    return out


def depthwise(x, kernel, bias):
    """Kernel [C, k, l], zeros around the map."""
    height, width = x.shape[2:]
    above, left = kernel.shape[1] // 2, kernel.shape[2] // 2
    padded = np.pad(x, [(0, 0), (0, 0), (above, above), (left, left)])
    out = np.zeros(x.shape)
    for row in range(height):
        for column in range(width):
            patch = padded[:, :, row : row + kernel.shape[1], column : column + kernel.shape[2]]
            out[:, :, row, column] = (patch * kernel).sum(axis=(2, 3)) + bias
    return out


def unit(x, size, weights):
    """The factors [B, C', *size] of an input, in inference.

    weights: depthwise (kernel, bias), pointwise (kernel [C', C], bias), norm (scale, offset, mean, variance).
    """
    x = depthwise(adaptive_maximum(x, size), *weights["depthwise"])
    kernel, bias = weights["pointwise"]
    x = np.einsum("oc,bchw->bohw", kernel, x) + bias[:, None, None]
    scale, offset, mean, variance = (one[:, None, None] for one in weights["norm"])
    x = scale * (x - mean) / np.sqrt(variance + 1e-5) + offset
    return 1 / (1 + np.exp(-x))
