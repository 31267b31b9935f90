"""The pictures of a video on their way into the records of its clips."""

import bisect
import dataclasses
import pathlib
import tempfile
from typing import Any, Dict, List

from audioset_triplet.frontend.constants import SAMPLE_RATE_HZ
from audioset_triplet.media import video_files
from data_prep.config import FramesConfig

_HELD_BYTES = 32 << 20  # of a longer video pictures wait in a temporary file


class Pictures:
    """All pictures of a video, which has been read to its end: a damaged one gives none."""

    def __init__(self, path: pathlib.Path, config: FramesConfig, num_samples: int) -> None:
        """
        Args:
            path: the video.
            config: which of its pictures.
            num_samples: length of its sound at 16 kHz.

        Raises:
            AudioError: see `video_files.pictures`.
        """
        self._image_size = config.image_size
        self._file = tempfile.SpooledTemporaryFile(_HELD_BYTES)
        self._places: List[float] = []  # in samples of the sound
        self._ends = [0]  # where in the file they end
        try:
            for picture in video_files.pictures(path, num_samples / SAMPLE_RATE_HZ, **dataclasses.asdict(config)):
                self._file.write(picture.jpeg)
                self._places.append(float(picture.seconds * SAMPLE_RATE_HZ))
                self._ends.append(self._ends[-1] + len(picture.jpeg))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Pictures":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of_clip(self, start: int, num_samples: int) -> Dict[str, Any]:
        """What the record of a clip holds of them (`schema.Clip`).

        Args:
            start: the first sample of the clip.
            num_samples: its length.
        """
        first, end = (bisect.bisect_left(self._places, place) for place in (start, start + num_samples))
        frames = []
        for index in range(first, end):
            self._file.seek(self._ends[index])
            frames.append(self._file.read(self._ends[index + 1] - self._ends[index]))
        return {
            "frames": tuple(frames),
            "frame_seconds": tuple((place - start) / SAMPLE_RATE_HZ for place in self._places[first:end]),
            "image_size": self._image_size,
        }
