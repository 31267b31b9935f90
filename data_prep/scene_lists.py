"""The lists of a folder of synthetic scenes, in the formats of AudioSet's releases (Gemmeke et al. 2017; 2021 strong).

segments.csv                a segment for each scene, in the dialect of balanced_train_segments.csv
class_labels_indices.csv    the classes
strong.tsv                  when each label is heard
framed_posneg.tsv           frames in which a class is PRESENT, or NOT_PRESENT
"""

from typing import Any, Iterator, List, Mapping, Sequence

from audioset_triplet.labels import Vocabulary, segment_id
from audioset_triplet.store import ratings, strong_labels
from audioset_triplet.synthetic import scene_labels

SEGMENTS, CLASSES, STRONG = "segments.csv", "class_labels_indices.csv", "strong.tsv"
FRAMED, WEAK = "framed_posneg.tsv", "weak_posneg.tsv"
_ANSWERS = {True: ratings.PRESENT, False: ratings.NOT_PRESENT}

# A scene as its line in scenes.jsonl has it (`data_prep.scene_folder`).
Scene = Mapping[str, Any]


def segments(scenes: Sequence[Scene], vocabulary: Vocabulary, seconds: float) -> str:
    """segments.csv."""
    labels = [label for scene in scenes for label in scene["labels"]]
    counts = f"num_ytids={len(scenes)}, num_segs={len(scenes)}"
    header = [
        "# Segments csv of synthetic scenes",
        f"# {counts}, num_unique_labels={len(set(labels))}, num_positive_labels={len(labels)}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    rows = []
    for scene in scenes:
        ids = ",".join(vocabulary.ids[label] for label in scene["labels"])
        rows.append(f'{scene["video_id"]}, 0.000, {seconds:.3f}, "{ids}"')
    return _text(header + rows)


def class_labels(vocabulary: Vocabulary) -> str:
    """class_labels_indices.csv."""
    rows = []
    for index, (id_, name) in enumerate(zip(vocabulary.ids, vocabulary.names)):
        quoted = name.replace('"', '""')
        rows.append(f'{index},{id_},"{quoted}"')
    return _text(["index,mid,display_name", *rows])


def strong(scenes: Sequence[Scene], vocabulary: Vocabulary) -> str:
    """strong.tsv."""
    rows = ["\t".join(strong_labels.COLUMNS)]
    for scene in scenes:
        heard = [(*times, event["label"]) for event in scene["events"] for times in event["heard"]]
        rows += [_row(scene, start, end, vocabulary.ids[label]) for start, end, label in sorted(heard)]
    return _text(rows)


def rated_frames(scenes: Sequence[Scene], seconds: float, frame_seconds: float) -> Iterator[List[scene_labels.Rating]]:
    """The ratings of each scene."""
    for scene in scenes:
        heard = {event["label"]: event["heard"] for event in scene["events"]}
        yield scene_labels.rate_frames(heard, scene["hard_negatives"], seconds, frame_seconds)


def framed(scenes: Sequence[Scene], vocabulary: Vocabulary, rated: Sequence[Sequence[scene_labels.Rating]]) -> str:
    """framed_posneg.tsv."""
    rows = ["\t".join(ratings.COLUMNS)]
    for scene, of_scene in zip(scenes, rated):
        for rating in of_scene:
            row = _row(scene, rating.start, rating.end, vocabulary.ids[rating.label])
            rows.append(f"{row}\t{_ANSWERS[rating.is_present]}")
    return _text(rows)


def weak(scenes: Sequence[Scene], vocabulary: Vocabulary) -> str:
    """weak_posneg.tsv."""
    rows = ["\t".join(ratings.COLUMNS)]
    for scene in scenes:
        for label in sorted([*scene["labels"], *scene["hard_negatives"]]):
            answer = _ANSWERS[label in scene["labels"]]
            rows.append(f"{segment_id(scene['video_id'], 0.0)}\t\t\t{vocabulary.ids[label]}\t{answer}")
    return _text(rows)


def _row(scene: Scene, start: float, end: float, label: str) -> str:
    return f"{segment_id(scene['video_id'], 0.0)}\t{start:.3f}\t{end:.3f}\t{label}"


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
