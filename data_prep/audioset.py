"""A copy of AudioSet's sound -> the clips that its lists name."""

import pathlib
import sys
from typing import Dict, List, Optional, Tuple

from audioset_triplet.config import RecordsConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labels import Ontology, Vocabulary, read_ontology, read_vocabulary, with_ancestors
from data_prep import audio_names, clip_writer
from data_prep.clip_writer import ClipRequest
from data_prep.segments import Segment, read_segments

NO_FOLD = -1


def make_requests(
    segments: List[Segment], found: Dict[str, pathlib.Path], vocabulary: Vocabulary, ontology: Optional[Ontology]
) -> List[ClipRequest]:
    """A request for every segment, also for those of which there is no file.

    Args:
        segments: of the list.
        found: clip id -> its file.
        vocabulary: the classes.
        ontology: if given, clips get the classes above theirs too.

    Raises:
        UserError: a label that is no class, or a class that the ontology does not know.
    """
    requests = []
    for segment in segments:
        labels = _labels(segment, vocabulary, ontology)
        requests.append(
            ClipRequest(
                path=found.get(segment.clip_id),
                clip_id=segment.clip_id,
                recording_id=segment.video_id,
                start_seconds=segment.start_seconds,
                end_seconds=segment.end_seconds,
                labels=labels,
                label_names=tuple(vocabulary.names[label] for label in labels),
                fold=NO_FOLD,
            )
        )
    return requests


def _labels(segment: Segment, vocabulary: Vocabulary, ontology: Optional[Ontology]) -> Tuple[int, ...]:
    unknown = [id_ for id_ in segment.label_ids if id_ not in vocabulary.numbers]
    if unknown:
        raise UserError(f"{segment.clip_id}: {unknown[0]} is none of the {len(vocabulary)} classes of --class_labels.")
    labels = {vocabulary.numbers[id_] for id_ in segment.label_ids}
    return with_ancestors(labels, vocabulary, ontology) if ontology else tuple(sorted(labels))


def prepare(
    segments: str, class_labels: str, ontology: str, source: pathlib.Path, output: pathlib.Path, config: RecordsConfig
) -> clip_writer.Summary:
    """Reads the lists and writes the records; the arguments are the flags, of which `ontology` may be empty.

    Rows of the list that name no segment are counted on stderr.

    Raises:
        UserError: a list that cannot be read, no such folder; what `make_requests` and `write_clips` raise.
    """
    listed, bad = read_segments(segments)
    vocabulary = read_vocabulary(class_labels)
    known_above = read_ontology(ontology) if ontology else None
    if not source.is_dir():
        raise UserError(f"--source={source}: no such folder")
    requests = make_requests(listed, audio_names.find(source, listed), vocabulary, known_above)
    if bad:
        print(
            f"{segments}: {len(bad)} rows name no segment, such as line {bad[0].line_number}: {bad[0].message}",
            file=sys.stderr,
        )
    name = pathlib.PurePath(segments).stem.replace("_segments", "")
    settings = {"data_set": "AudioSet", "list": name, "with_ancestors": bool(ontology)}
    return clip_writer.write_clips({name: requests}, output, config.num_shards, config.audio, settings)
