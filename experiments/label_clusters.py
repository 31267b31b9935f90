r"""Labels for many clips from few answers: ask about one clip of each cluster, and take its answer for the cluster.

Jansen et al. 2020, "consolidation". The clusters are those of whole clips (experiments.cluster --unit=clips); WORKDIR
keeps what was asked and answered (labels.jsonl). Tasks, whose examples below name the flags that each needs:

  ask        draws a clip of each of the --budget biggest clusters and writes them to WORKDIR/round-N to be labelled:
             CSV, JSON and Label Studio tasks, with their sounds beside them if there is --data. A larger --budget asks
             about the clusters that follow, in another round; nothing is asked twice.
  answer     reads --answers=FILE,...: a questions.csv or questions.json that was filled in, or Label Studio's JSON
             export, whole or in part; --answers=oracle takes the labels that are stored with --embeddings.
  propagate  gives every clip of a cluster the labels of its answered clip: WORKDIR/weak_labels.csv.
  train      trains the classifier of experiments.evaluate --task=classification on these, with cross-entropy, and
             measures it on other clips, which need true labels: WORKDIR/results.json and report.html.

  python -m experiments.label_clusters --task=ask --workdir=W --assignments=CLUSTERS --embeddings=ALL \
      --train_folds=1,2,3 --budget=100 --data='records/*.tfrecord'
  python -m experiments.label_clusters --task=answer --workdir=W --answers=W/round-1/questions.csv
  python -m experiments.label_clusters --task=propagate --workdir=W --assignments=CLUSTERS
  python -m experiments.label_clusters --task=train --workdir=W --embeddings=ALL --train_folds=1,2,3 --folds=4
"""

import os

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.evaluation import ClassificationConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import annotation_files, annotation_log, clip_clusters, oracle, propagation, selection
from audioset_triplet.store import stored_clips

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", None, ["ask", "answer", "propagate", "train"], "What to do.")
flags.DEFINE_string("workdir", "", "Folder of the questions, the answers and what is made of them.")
flags.DEFINE_string("assignments", "", "Folder that experiments.cluster --task=assign wrote (ask, propagate).")
flags.DEFINE_string("embeddings", "", "Folder that experiments.embed wrote: the clips and their labels.")
flags.DEFINE_string("train_embeddings", "", "Folder of the clips to learn from (train). Empty: that of --embeddings.")
flags.DEFINE_integer("budget", 100, "Questions, those that were asked before included (ask).", 1)
flags.DEFINE_enum("member", "random", selection.MEMBERS, "Ask about any clip of a cluster, or its most probable one.")
flags.DEFINE_string("classes", "", "class_labels_indices.csv, or names in lines. Empty: those of --embeddings (ask).")
flags.DEFINE_string("data", "", "TFRecords of the clips (globs), whose sounds are written beside the questions (ask).")
flags.DEFINE_string(
    "sound_url", "/data/local-files/?d=", "What Label Studio finds the files of WORKDIR by: here as local files (ask)."
)
flags.DEFINE_list("answers", [], "oracle, or filled in files (answer).")
command_line.define_flags(ClassificationConfig, left_out=["weak_labels"])


def ask() -> None:
    command_line.require_flags("assignments")
    if not FLAGS.classes and not FLAGS.embeddings:
        raise UserError("--classes or --embeddings is required: they say which classes one can answer with.")
    found = asked_about = clip_clusters.read(FLAGS.assignments)
    classes = annotation_files.read_classes(FLAGS.classes) if FLAGS.classes else {}
    if FLAGS.embeddings:
        stored = stored_clips.read_clips(FLAGS.embeddings, command_line.integers("train_folds"))
        asked_about, classes = found.of_clips(set(stored.clip_ids)), classes or stored.class_names
    with annotation_log.to_ask(FLAGS.workdir, found.facts, classes) as book:
        new = selection.next_questions(asked_about, FLAGS.budget, FLAGS.member, FLAGS.seed, book)
        book.ask(new)
        for number in sorted({question.round for question in book.open_questions()}):
            write_round(book, number)
    print(f"{FLAGS.workdir}: {len(new)} new questions, {len(book.open_questions())} of {len(book.questions)} are open")


def write_round(book: annotation_log.Ledger, number: int) -> None:
    """The questions of a round as files, and their sounds; what is there already stays as it is."""
    questions = [question for question in book.questions.values() if question.round == number]
    folder = os.path.join(FLAGS.workdir, f"round-{number}")
    paths = annotation_files.sound_paths(questions) if FLAGS.data else {}
    if paths:
        from audioset_triplet.records import waveforms  # here: TensorFlow takes seconds to load

        waveforms.write_wav(FLAGS.data, {clip_id: os.path.join(folder, path) for clip_id, path in paths.items()})
    annotation_files.write(folder, questions, [*book.classes.values()], paths, f"{FLAGS.sound_url}round-{number}/")


def answer() -> None:
    command_line.require_flags("answers")
    with annotation_log.to_write(FLAGS.workdir) as book:
        for source in FLAGS.answers:
            if source == "oracle":
                command_line.require_flags("embeddings")
                answers = oracle.answers(book, FLAGS.embeddings)
            else:
                answers = annotation_files.read(source)
            print(f"{source}: {book.answer(answers, source)} new answers of {len(answers)}")
    print(f"{FLAGS.workdir}: {len(book.open_questions())} of {len(book.questions)} questions are open")


def propagate() -> None:
    command_line.require_flags("assignments")
    found, book = clip_clusters.read(FLAGS.assignments), annotation_log.read(FLAGS.workdir)
    path = os.path.join(FLAGS.workdir, "weak_labels.csv")
    done = propagation.write(path, found, book)
    print(f"{path}: {done.num_clips} clips have the labels of {done.num_clusters} clusters")
    print(f"classes that no answer names, so that nothing learns them: {done.num_unnamed} of {len(book.classes)}")


def train() -> None:
    command_line.require_flags("embeddings")
    weak_labels = os.path.join(FLAGS.workdir, "weak_labels.csv")
    config = command_line.config_from_flags(ClassificationConfig(weak_labels=weak_labels))
    from audioset_triplet.evaluation import comparisons
    from audioset_triplet.reports import evaluation_report

    comparison = comparisons.compare(config, comparisons.embedding_sets(FLAGS.embeddings, FLAGS.train_embeddings))
    report = evaluation_report.build(comparison)
    print(report.headline)
    results.write(FLAGS.workdir, comparison.numbers())
    report.write(FLAGS.workdir)
    print(f"wrote {FLAGS.workdir}/results.json and report.html")


def main() -> None:
    command_line.require_flags("task", "workdir")
    {"ask": ask, "answer": answer, "propagate": propagate, "train": train}[FLAGS.task]()


if __name__ == "__main__":
    command_line.run(main)
