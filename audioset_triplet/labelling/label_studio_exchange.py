"""The tasks of `experiments.label_studio`: a log's questions to Label Studio, and its export to the log.

WORKDIR/label-studio has label_studio_tasks.json, label_studio_config.xml and, with records, audio/.
"""

import contextlib
import os
import urllib.parse
from typing import Any, ContextManager, Dict, List

from audioset_triplet import files
from audioset_triplet.config.label_studio import LabelStudioConfig, TasksConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import (
    annotation_files,
    class_names,
    label_studio_answers,
    label_studio_tasks,
    log_folder,
    screens,
    votes,
)
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.events import Question
from audioset_triplet.plurals import counted
from audioset_triplet.store import questions

FOLDER = "label-studio"


def export(config: LabelStudioConfig) -> str:
    """Writes the tasks of all questions of the log, and returns how many.

    Raises:
        UserError: no log, or a file that cannot be read; the log has no question; the records lack a clip.
    """
    folder = os.path.join(config.workdir, FOLDER)
    with _log(config) as log:
        new = _new_questions(config.tasks, log)
        asked = [*log.questions.values(), *new]
        if not asked:
            raise UserError(f"{log.path}: has no question: give some by --questions.")
        audio = _audio(config.tasks, list(dict.fromkeys(question.clip_id for question in asked)), folder)
        log.add_questions(new)
        classes = annotation_files.read_classes(config.tasks.classes) if config.tasks.classes else log.classes
        annotations: Dict[int, List[Dict[str, Any]]] = {}
        if config.tasks.annotations == "all":
            annotations = label_studio_tasks.all_annotations(log)
        elif config.tasks.annotations == "decided":
            annotations = label_studio_tasks.decided_annotations(log, votes.decided(log, config.voting))
        tasks = label_studio_tasks.of_log(log, [*classes.values()], audio, annotations)
    os.makedirs(folder, exist_ok=True)
    files.write_json(os.path.join(folder, "label_studio_tasks.json"), tasks)
    files.write_text(os.path.join(folder, "label_studio_config.xml"), label_studio_tasks.interface())
    num_annotations = sum(map(len, annotations.values()))
    return f"{folder}: {counted(len(tasks), 'task')}, {counted(num_annotations, 'annotation')}"


def take_in(config: LabelStudioConfig) -> str:
    """Adds the answers of exports to the log; raises what `label_studio_answers.add` raises."""
    lines = []
    with log_folder.open_to_write(config.workdir) as log:
        for path in config.answers:
            done = label_studio_answers.add(log, path)
            lines.append(
                f"{path}: {counted(done.num_new, 'new answer')}, {done.num_changed} changed, {done.num_known} known; "
                f"{counted(done.num_empty, 'annotation')} without an answer"
            )
        lines.append(f"{config.workdir}: {counted(len(log.raters), 'rater')}: {', '.join(log.raters)}")
    return "\n".join(lines)


def _log(config: LabelStudioConfig) -> ContextManager[AnnotationLog]:
    """The log, made where questions are added."""
    if config.tasks.questions:
        return log_folder.open_or_create(config.workdir, None, {})
    return contextlib.nullcontext(log_folder.read(config.workdir))


def _new_questions(config: TasksConfig, log: AnnotationLog) -> List[Question]:
    if not config.questions:
        return []
    names = class_names.read(log.classes.values(), config.classes, "")
    return screens.of_questions(questions.read(config.questions), names.names_of_ids)


def _audio(config: TasksConfig, clip_ids: List[str], folder: str) -> Dict[str, str]:
    """Clip id -> the address of its audio, which is written where there are records."""
    if not config.data:
        return {clip_id: config.audio_url + urllib.parse.quote(clip_id) for clip_id in clip_ids}
    from audioset_triplet.records import waveforms  # here: TensorFlow takes seconds to load

    paths = {clip_id: f"audio/{index:05d}.wav" for index, clip_id in enumerate(clip_ids)}
    waveforms.write_wav(config.data, {clip_id: os.path.join(folder, path) for clip_id, path in paths.items()})
    return {clip_id: f"{config.audio_url}{FOLDER}/{path}" for clip_id, path in paths.items()}
