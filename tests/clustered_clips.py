"""Clips of four classes in two folds, with their embeddings, their clusters and their records."""

import pathlib

from tests import clustered, example_clips
from tests.reports.test_images import tone, write_records

INFOS = example_clips.make_infos(40, 4)
TRAIN = [info for info in INFOS if info.fold == 1]
IDS = [info.clip_id for info in TRAIN]
CLUSTERS = [info.labels[0] + 10 * (index == 19) for index, info in enumerate(TRAIN)]  # by class, but for the last
ALL_CLUSTERS = [cluster for cluster in CLUSTERS for _ in range(2)]  # folds take turns, and have the same classes


def write(root: pathlib.Path) -> pathlib.Path:
    """Writes all/ (embeddings), clusters/, windows/ (clusters of windows) and clips.tfrecord; returns the folder."""
    example_clips.write(root / "all", INFOS)
    clustered.write(root / "clusters", [info.clip_id for info in INFOS], ALL_CLUSTERS)
    clustered.write(root / "windows", IDS, CLUSTERS, unit="windows")
    write_records(root / "clips.tfrecord", {clip_id: tone(200 + 10 * row, 0.5) for row, clip_id in enumerate(IDS)})
    return root
