"""The tasks of `experiments.label_clusters`: query clips, annotate them, propagate their labels.

Each reads and writes a working folder: annotations.jsonl (`cluster_log`), round-N/ (`annotation_files`) and
weak_labels.csv (`store.weak_labels`). Each returns what it did, as text.
"""

import os

from audioset_triplet.config.labelling import LabellingConfig, QueryConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import (
    annotation_files,
    answer_files,
    clip_clusters,
    cluster_log,
    oracle,
    propagation,
    selection,
)
from audioset_triplet.labelling.cluster_log import ClusterLog
from audioset_triplet.plurals import counted
from audioset_triplet.store import stored_clips

ORACLE = "oracle"
WEAK_LABELS = "weak_labels.csv"


def query(config: LabellingConfig) -> str:
    """Adds questions to the log, and writes the annotation files of all rounds that have open questions.

    Raises:
        UserError: there are no classes to annotate with, or what reading the inputs raises.
    """
    if config.query.data:
        from audioset_triplet.records import globs  # here: TensorFlow takes seconds to load

        globs.expand(config.query.data)  # before anything is written
    clusters = candidates = clip_clusters.read(config.assignments)
    classes = annotation_files.read_classes(config.query.classes) if config.query.classes else {}
    if config.embeddings:
        stored = stored_clips.read_clips(config.embeddings, config.classification.train_folds)
        candidates, classes = clusters.of_clips(set(stored.clip_ids)), classes or stored.class_names
    elif not classes:
        raise UserError("--classes or --embeddings is required: they name the classes to annotate with.")
    with cluster_log.open_to_query(config.workdir, clusters.facts, classes) as log:
        questions = selection.next_questions(
            candidates, config.query.budget, config.query.member, config.classification.seed, log
        )
        log.add_questions(questions)
        for number in sorted({question.round for question in log.open_questions()}):
            _write_round(config.workdir, config.query, log, number)
        text = f"{config.workdir}: {counted(len(questions), 'new question')}, {_num_open(log)} are open"
        if len(log.questions) < config.query.budget:
            text += f"; --budget={config.query.budget} allows more, but no cluster is left"
        return text


def _write_round(workdir: str, config: QueryConfig, log: ClusterLog, number: int) -> None:
    """The questions of a round as files, and their audio; existing files stay as they are."""
    questions = [question for question in log.questions.values() if question.round == number]
    folder = os.path.join(workdir, f"round-{number}")
    paths = annotation_files.audio_paths(questions) if config.data else {}
    if paths:
        from audioset_triplet.records import waveforms  # here: TensorFlow takes seconds to load

        waveforms.write_wav(config.data, {clip_id: os.path.join(folder, path) for clip_id, path in paths.items()})
    annotation_files.write(folder, questions, [*log.classes.values()], paths, f"{config.audio_url}round-{number}/")


def annotate(config: LabellingConfig) -> str:
    """Adds the answers of files or of the oracle to the log.

    Raises:
        UserError: an answer that the log refuses, or what reading the inputs raises.
    """
    lines = []
    with cluster_log.open_to_annotate(config.workdir) as log:
        for source in config.answers:
            if source == ORACLE and not config.embeddings:
                raise UserError("--answers=oracle needs --embeddings: the folder with the labels.")
            answers = oracle.answers(log, config.embeddings) if source == ORACLE else answer_files.read(source)
            lines.append(f"{source}: {log.add_answers(answers, source)} new answers of {len(answers)}")
        lines.append(f"{config.workdir}: {_num_open(log)} questions are open")
    return "\n".join(lines)


def propagate(config: LabellingConfig) -> str:
    """Writes weak_labels.csv.

    Raises:
        UserError: what `propagation.write` raises.
    """
    clusters, log = clip_clusters.read(config.assignments), cluster_log.read(config.workdir)
    path = weak_labels_path(config.workdir)
    propagated = propagation.write(path, clusters, log)
    return (
        f"{path}: {counted(propagated.num_clips, 'clip has', 'clips have')} the labels of "
        f"{counted(propagated.num_clusters, 'cluster')}\n"
        f"classes without an answer, which a classifier cannot learn: {propagated.num_unnamed} of {len(log.classes)}"
    )


def weak_labels_path(workdir: str) -> str:
    """Where `propagate` writes."""
    return os.path.join(workdir, WEAK_LABELS)


def _num_open(log: ClusterLog) -> str:
    return f"{len(log.open_questions())} of {len(log.questions)}"
