"""The function of a model of others: waveforms -> named arrays; and how its input is laid out.

Shapes: R windows of a call, L samples, C channels.
"""

import dataclasses
from typing import Dict, Optional, Protocol, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError


@dataclasses.dataclass(frozen=True)
class InputLayout:
    """What an input tensor takes: [L], [R, L], [L, C] or [R, L, C].

    Attributes:
        has_batch: whether there is an axis R.
        batch_size: R where it is fixed; 1 without an axis R; None: any.
        num_samples: L where it is fixed; None: any.
        has_channels: whether there is an axis C.
    """

    has_batch: bool
    batch_size: Optional[int]
    num_samples: Optional[int]
    has_channels: bool

    def arrange(self, windows: np.ndarray) -> np.ndarray:
        """Windows [R, L] of mono, else [R, L, C] -> the array that the input takes."""
        if self.has_channels and windows.ndim == 2:
            windows = windows[..., np.newaxis]
        return windows if self.has_batch else windows[0]


class WaveformFunction(Protocol):
    """A function of a model file."""

    name: str  # where it comes from, for messages
    layout: InputLayout
    digest: str  # of the bytes of the model and of what was chosen in it
    num_classes: Optional[int]  # how many numbers its scores have, if it says so

    def run(self, waveforms: np.ndarray) -> Dict[str, np.ndarray]:
        """An array as `InputLayout.arrange` makes it -> the outputs by name, float32.

        Raises:
            UserError: the model fails on it.
        """
        ...

    def inner_shapes(self) -> Dict[str, Tuple[int, ...]]:
        """The inner tensors by name that may be outputs too, with their shapes in the last call."""
        ...


def input_layout(where: str, is_float32: bool, shape: Optional[Sequence[Optional[int]]], channels: int) -> InputLayout:
    """The layout of an input.

    Args:
        where: which input, for the message.
        is_float32: whether it takes float32.
        shape: its shape, None for what is not fixed; None: not even the number of axes is known.
        channels: how many it must take.

    Raises:
        UserError: it does not take waveforms of so many channels.
    """
    rank = 0 if shape is None else len(shape)
    if shape is None or not is_float32 or rank not in (1, 2, 3):
        raise UserError(f"{where}: not a float32 waveform [samples], [batch, samples] or [batch, samples, channels].")
    has_channels = rank == 3 or (rank == 2 and (channels > 1 or shape[1] == 1))
    if channels > 1 and not has_channels or has_channels and shape[-1] not in (None, channels):
        raise UserError(f"{where}: does not take {channels} channels as its last axis: see --channels.")
    leading = shape[:-1] if has_channels else shape
    has_batch = len(leading) == 2
    # TFLite files that were written without a signature of shapes have 1 for any length.
    num_samples = None if leading[-1] == 1 else leading[-1]
    return InputLayout(has_batch, leading[0] if has_batch else 1, num_samples, has_channels)


def shape_text(shape: Optional[Sequence[Optional[int]]]) -> str:
    """A shape as text: [?, 521]; the number of axes may be unknown."""
    return "[?…]" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
