"""A few short clips of synthetic sound with pictures, as records: the colour of the pictures tells the class."""

import dataclasses
import io
from typing import List

import numpy as np
from PIL import Image

from audioset_triplet.records import schema
from tests import tiny_records

SIZE = 32


def picture(label: int, number: int) -> bytes:
    """A JPEG of one colour that the class gives, a little brighter from picture to picture."""
    colour = np.array([(40, 40, 200), (40, 200, 40), (200, 40, 40), (200, 200, 40)][label]) + 5 * number
    file = io.BytesIO()
    Image.new("RGB", (SIZE, SIZE), tuple(int(value) for value in colour)).save(file, "JPEG", quality=95)
    return file.getvalue()


def make_clips(num_clips: int = 16, num_classes: int = 4, seconds: float = 2.5, pictures: int = 3) -> List[schema.Clip]:
    """As `tiny_records.make_clips`, with pictures at 0, 1 and 2 s."""
    return [
        dataclasses.replace(
            clip,
            frames=tuple(picture(clip.labels[0], number) for number in range(pictures)),
            frame_seconds=tuple(float(number) for number in range(pictures)),
            image_size=SIZE,
        )
        for clip in tiny_records.make_clips(num_clips, num_classes, seconds)
    ]
