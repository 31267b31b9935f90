"""The clips that synthetic scenes are made of: of any data set that this package reads, and when each is active."""

import collections
import dataclasses
import functools
import pathlib
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.media.audio_files import AudioError
from audioset_triplet.media.pcm import to_waveform
from audioset_triplet.records.schema import NO_FOLD
from audioset_triplet.synthetic import activity
from audioset_triplet.synthetic.scenes import BACKGROUND, Source
from data_prep import clip_maker, esc50, fold_sets, plan, urbansound8k
from data_prep.config import RecordsConfig
from data_prep.line_jobs import LineJob
from data_prep.plan import ClipList, ClipRequest

AUTO, ESC50, URBANSOUND8K, FOLDER, SYNTHETIC = "auto", "esc50", "urbansound8k", "folder", "synthetic"
DATA_SETS = (AUTO, ESC50, URBANSOUND8K, FOLDER, SYNTHETIC)
_TITLES = {ESC50: "ESC-50", URBANSOUND8K: "UrbanSound8K", FOLDER: "a folder", SYNTHETIC: "synthetic sounds"}
_LISTINGS = {ESC50: (esc50.LISTING,), URBANSOUND8K: urbansound8k.LISTINGS}
_CLIPS_PER_SHARD = 64


@dataclasses.dataclass(frozen=True)
class Material:
    """The clips of a world, before they are decoded.

    Attributes:
        data_set: its name in the ids of classes.
        class_names: of all folds, so that a set of training scenes and one of evaluation have the same classes.
        requests: the clips of the classes, each with one label, an index of `class_names`.
        backgrounds: clips that are heard behind the events, and have no label.
        folds: of the clips.
        num_left_out: reason -> number of clips that are not used.
    """

    data_set: str
    class_names: Tuple[str, ...]
    requests: Tuple[ClipRequest, ...]
    backgrounds: Tuple[ClipRequest, ...]
    folds: Tuple[int, ...]
    num_left_out: Mapping[str, int]

    @property
    def digest(self) -> str:
        """Of the list of clips, without their files."""
        return plan.digest_of_clips([*self.requests, *self.backgrounds])


def data_set_of(source: str) -> str:
    """The name of the data set in a folder, by its list; `FOLDER` where it has none."""
    for name, listings in _LISTINGS.items():
        try:
            fold_sets.find_listing(pathlib.Path(source), listings, name)
        except UserError:
            continue
        return name
    return FOLDER


def listed(source: str, data_set: str, subset: str) -> ClipList:
    """The clips of all folds of ESC-50 (also of a synthetic set, which is like it) or of UrbanSound8K."""
    path = pathlib.Path(source)
    return urbansound8k.clips(path, []) if data_set == URBANSOUND8K else esc50.clips(path, [], subset)


def material(
    data_set: str,
    clips: ClipList,
    backgrounds: Optional[ClipList],
    folds: Sequence[int],
    background_classes: Sequence[str],
) -> Material:
    """The clips of some folds, by class.

    Args:
        data_set: the name of the data set.
        clips: of all of its folds.
        backgrounds: other clips, whose folds are chosen likewise.
        folds: those to take clips of; none: all.
        background_classes: classes of `clips` that become backgrounds.

    Raises:
        UserError: a fold, or a class, that is not there; fewer than two classes.
    """
    single = [request for request in clips.requests if len(request.labels) == 1]
    numbered = {request.labels[0]: request.label_names[0] for request in single}
    unknown = [name for name in background_classes if name not in numbered.values()]
    if unknown:
        names = ", ".join(sorted(numbered.values()))
        raise UserError(f"--background_classes: {unknown[0]} is none of the classes {names}.")
    labels = [number for number in sorted(numbered) if numbered[number] not in background_classes]
    if len(labels) < 2:
        raise UserError(f"scenes need at least two classes, and the source has {len(labels)} with clips of one label.")
    of_folds = fold_sets.of_folds(single, folds, {}).requests
    chosen = _in_these_folds_alone(single, of_folds)
    index = {number: position for position, number in enumerate(labels)}
    events: List[ClipRequest] = []
    behind: List[ClipRequest] = []
    for request in chosen:
        if request.labels[0] in index:
            events.append(dataclasses.replace(request, labels=(index[request.labels[0]],)))
        else:
            behind.append(_as_background(request, request.clip_id))
    if backgrounds:
        others = fold_sets.of_folds(backgrounds.requests, _common_folds(folds, backgrounds), {}).requests
        behind += [_as_background(request, f"background/{request.clip_id}") for request in others]
    counts = collections.Counter(min(len(request.labels), 2) for request in clips.requests)
    left_out = {
        "without a label": counts[0],
        "with several labels": counts[2],
        "of recordings that other folds have too": len(of_folds) - len(chosen),
    }
    return Material(
        data_set=data_set,
        class_names=tuple(numbered[number] for number in labels),
        requests=tuple(events),
        backgrounds=tuple(behind),
        folds=tuple(sorted({request.fold for request in chosen})),
        num_left_out={reason: number for reason, number in left_out.items() if number},
    )


def _as_background(request: ClipRequest, clip_id: str) -> ClipRequest:
    return dataclasses.replace(request, clip_id=clip_id, labels=(), label_names=())


def _common_folds(folds: Sequence[int], clips: ClipList) -> Sequence[int]:
    """The folds to choose; none where the clips have no folds."""
    return [] if all(request.fold == NO_FOLD for request in clips.requests) else folds


def _in_these_folds_alone(everything: Sequence[ClipRequest], chosen: Sequence[ClipRequest]) -> List[ClipRequest]:
    """Without the recordings that other folds have too: they would be in the scenes of training and of evaluation."""
    folds = {request.fold for request in chosen}
    elsewhere = {request.recording_id for request in everything if request.fold not in folds}
    return [request for request in chosen if request.recording_id not in elsewhere]


def class_ids(data_set: str, names: Sequence[str]) -> List[str]:
    """An id for each class, as AudioSet has MIDs: /t/esc50/dog. They hold no comma, space or quote."""
    ids: List[str] = []
    for index, name in enumerate(names):
        word = re.sub(r"\W+", "_", name.lower()).strip("_") or f"class_{index}"
        id_ = f"/t/{data_set}/{word}"
        while id_ in ids:
            id_ = f"{id_}_{index}"
        ids.append(id_)
    return ids


def data_set_of_ids(ids: Sequence[str]) -> str:
    """What classes of these ids are of: AudioSet, or scenes of some data set (`class_ids`)."""
    owners = {match[1] if (match := re.fullmatch(r"/t/([^/]+)/.+", id_)) else "" for id_ in ids}
    owner = owners.pop() if len(owners) == 1 else ""
    return f"scenes of {_TITLES.get(owner, owner)}" if owner else "AudioSet"


def load(request: ClipRequest, sample_rate_hz: int) -> np.ndarray:
    """The audio of a clip: float32 [L], mono.

    Raises:
        AudioError: it cannot be used.
    """
    [made] = clip_maker.make_clips(request, RecordsConfig(sample_rate_hz=sample_rate_hz))
    assert made.clip.pcm is not None
    return to_waveform(made.clip.pcm)


def analysis(sample_rate_hz: int) -> LineJob:
    """The job that finds out when each clip is active, and its spectrum."""
    depends_on = f"active clips at {sample_rate_hz} Hz"
    work = functools.partial(_analyse, sample_rate_hz=sample_rate_hz)
    return LineJob("sources", work, depends_on, "clip", _CLIPS_PER_SHARD)


def items(requests: Sequence[ClipRequest]) -> List[Any]:
    """The items of `analysis`; clips without a file are none."""
    return [dataclasses.asdict(request) for request in requests if request.is_found]


def _analyse(item: Mapping[str, Any], sample_rate_hz: int) -> Dict[str, Any]:
    request = ClipRequest.from_json(item)
    try:
        waveform = load(request, sample_rate_hz)
    except AudioError as error:
        return {"clip_id": request.clip_id, "reason": error.reason, "message": str(error)}
    is_active = activity.active(activity.levels(waveform, sample_rate_hz))
    if not is_active.any():
        message = f"{request.location}: silent: nowhere above {activity.SILENCE_DBFS:g} dB of full scale"
        return {"clip_id": request.clip_id, "reason": "silent", "message": message}
    stretches = activity.intervals(is_active, len(waveform), sample_rate_hz)
    profile = activity.profile(waveform, stretches, sample_rate_hz)
    return {"clip_id": request.clip_id, "active": stretches, "profile": profile}


def sources(requests: Sequence[ClipRequest], results: Sequence[Mapping[str, Any]]) -> List[Source]:
    """The clips that can be used."""
    of_clip = {request.clip_id: request for request in requests}
    usable = []
    for result in results:
        if "active" in result:
            request = of_clip[result["clip_id"]]
            [label] = request.labels or (BACKGROUND,)
            active = tuple((start, end) for start, end in result["active"])
            usable.append(Source(request.clip_id, request.recording_id, request.fold, label, active))
    return usable
