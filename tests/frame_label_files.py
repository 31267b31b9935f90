"""Files of frame labels, made by hand."""

from typing import Callable, Dict, Sequence, Tuple

import numpy as np

from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.store import frame_labels
from audioset_triplet.store.frame_labels import FrameLabelBatch, FrameLabelInfo

Clip = Tuple[str, Sequence[int], int]  # id, labels ascending, number of windows


def write(
    path: object, clips: Sequence[Clip], is_kept: Callable[[str, int, int], bool], names: Dict[int, str], **info: object
) -> str:
    """Writes the windows of some clips, which begin every hop.

    Args:
        path: of the file.
        clips: see above.
        is_kept: clip id, window from 0, label -> whether the window keeps it.
        names: of the classes.
        info: fields of the metadata; window_seconds and hop_seconds at least.
    """
    fields = {"model_id": "model", "front_end_id": "front-end", "threshold": 0.5, "code_version": "1", **info}
    hop_seconds = float(str(fields["hop_seconds"]))
    with frame_labels.writing(str(path), FrameLabelInfo(**fields)) as writer:  # type: ignore[arg-type]
        for clip_id, labels, num_windows in clips:
            kept = np.array([is_kept(clip_id, row, label) for row in range(num_windows) for label in labels])
            batch = FrameLabelBatch(
                clip_ids=[clip_id],
                clip_rows=np.zeros(len(kept), np.int64),
                window_start_seconds=np.repeat(hop_seconds * np.arange(num_windows), len(labels)).astype(np.float32),
                labels=np.tile(labels, num_windows),
                scores=kept.astype(np.float32),
                is_kept=kept,
                class_names=names,
            )
            writer.write(batch)
    return str(path)


def windows_of(front_end: FrontEnd) -> Dict[str, object]:
    """The metadata of the windows of a front end."""
    return {
        "front_end_id": front_end.id,
        "window_seconds": front_end.window_seconds,
        "hop_seconds": front_end.hop_samples / front_end.sample_rate_hz,
    }
