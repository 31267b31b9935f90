"""A copy of AudioSet -> the clips of its lists."""

import pathlib
import sys
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from audioset_triplet.errors import UserError
from audioset_triplet.labels import Ontology, Vocabulary, read_ontology, read_vocabulary, with_ancestors
from audioset_triplet.plurals import counted
from audioset_triplet.records.schema import NO_FOLD
from data_prep import audio_names, scene_sources
from data_prep.audio_sources import Location
from data_prep.plan import ClipList, ClipRequest
from data_prep.segments import Segment, read_segments


def make_requests(
    group: str,
    segments: Sequence[Segment],
    locations: Mapping[str, Location],
    vocabulary: Vocabulary,
    ontology: Optional[Ontology],
) -> List[ClipRequest]:
    """A request for every segment, also for those without a file.

    Args:
        group: how the names of the files of records begin.
        segments: of a list.
        locations: clip id -> its file.
        vocabulary: the classes.
        ontology: if given, clips get the ancestors of their classes too.

    Raises:
        UserError: a label that is no class, or a class that the ontology does not know.
    """
    requests = []
    for segment in segments:
        labels = _labels(segment, vocabulary, ontology)
        requests.append(
            ClipRequest(
                group=group,
                location=locations.get(segment.clip_id),
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


def clips(lists: Sequence[str], class_labels: str, ontology: str, source: str) -> ClipList:
    """The clips to prepare; the arguments are the flags, of which `ontology` may be empty.

    Rows without a segment, and files of no listed clip, are counted on stderr.

    Raises:
        UserError: a list that cannot be read, a segment in two lists, no such folder; what `make_requests` raises.
    """
    segments: Dict[str, List[Segment]] = {}
    remarks = []
    for path in lists:
        group = pathlib.PurePath(path).stem.replace("_segments", "")
        if group in segments:
            raise UserError(f"--segments: two lists would have files of the name {group}")
        segments[group], bad = read_segments(path)
        if bad:
            first = f"line {bad[0].line_number}: {bad[0].message}"
            remarks.append(f"{path}: {counted(len(bad), 'row names', 'rows name')} no segment, such as {first}\n")
    _require_each_once(segments)
    vocabulary = read_vocabulary(class_labels)
    graph = read_ontology(ontology) if ontology else None
    listed = [segment for group in segments.values() for segment in group]
    locations, file_remarks, left_out = audio_names.find(source, listed)
    requests = [
        request
        for group, members in segments.items()
        for request in make_requests(group, members, locations, vocabulary, graph)
    ]
    sys.stderr.writelines(remarks + file_remarks)
    data_set = scene_sources.data_set_of_ids(vocabulary.ids)
    settings = {"data_set": data_set, "lists": sorted(segments), "with_ancestors": bool(ontology)}
    return ClipList(requests, settings, left_out=left_out.to_json())


def _require_each_once(segments: Mapping[str, Sequence[Segment]]) -> None:
    list_of: Dict[str, str] = {}
    for group, members in segments.items():
        for segment in members:
            other = list_of.setdefault(segment.clip_id, group)
            if other != group:
                raise UserError(
                    f"--segments: {segment.clip_id} is in {other} and in {group}: prepare them in two folders"
                )
