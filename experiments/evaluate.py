"""Evaluates stored embeddings, or the scores of a classifier.

Reads what experiments.embed wrote, prints a headline, and writes OUTPUT/results.json (flat keys such as retrieval/map)
and OUTPUT/report.html, a self-contained page. Tasks:

  retrieval        query by example: are clips of one class closer to each other than to other clips? Mean average
                   precision over classes, and that of a random order (the prior).
  classification   a fully connected classifier (--hidden_layers, --hidden_units, --head_*) on the frozen embeddings of
                   windows, trained on labelled clips and evaluated on others: mAP, AUC, d-prime, EER, and accuracy
                   where every clip has one label.
  semi_supervised  the same with few labelled clips per class (--labels_per_class), drawn --trials times.
  knn              votes of the --neighbours labelled clips nearest to a clip, weighted by exp(cosine / --temperature):
                   needs no training.
  scores           a classifier's scores of windows (--scores) under several protocols side by side: the labels of
                   clips; rated pairs (--ratings), each class on explicit negatives alone; windows against events with
                   onset and offset (--strong_labels). Also means weighted by prior, recall at a score of 0.5, and
                   calibration.

All tasks but retrieval and scores also need clips to learn from, of other recordings: other folds of the same folder,
or another folder of the same model. Digests of the clip ids (clips_digest, train_clips_digest; coverage.json of the
records has them too) identify the clips: compare numbers only where they are equal.

  python -m experiments.evaluate --task=retrieval --embeddings=EVAL --output=DIR
      [--compare=log-mel=DIR,untrained=DIR] [--data='records/fold4-*.tfrecord'] [--model=SAVED_MODEL]
  python -m experiments.evaluate --task=classification --embeddings=ALL --train_folds=1,2,3 --folds=4 --output=DIR
  python -m experiments.evaluate --task=semi_supervised --train_embeddings=TRAIN --embeddings=EVAL --output=DIR
  python -m experiments.evaluate --task=scores --scores=SCORES --output=DIR
      [--ratings=audioset_eval_strong_framed_posneg.tsv --strong_labels=audioset_eval_strong.tsv
      --class_labels=class_labels_indices.csv]

--compare evaluates other embeddings, or scores, of the same clips too. For retrieval --data adds spectrograms and audio
to the report, --model the filters of the network's first layer. Flags of other tasks are ignored.
"""

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.evaluation import TASKS

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", "retrieval", sorted(TASKS), "The evaluation.")
flags.DEFINE_string("embeddings", "", "Folder that experiments.embed wrote: the clips to evaluate.")
flags.DEFINE_string("train_embeddings", "", "Folder of the labelled clips to learn from. Empty: that of --embeddings.")
flags.DEFINE_string(
    "scores",
    "",
    "Folder that experiments.embed --what=scores wrote, or a scores.parquet of experiments.score (scores).",
)
flags.DEFINE_list("compare", [], "Other embeddings, or scores, of the same clips, e.g. log-mel=DIR,untrained=DIR.")
flags.DEFINE_list("train_compare", [], "Folders of their labelled clips, where not the same: log-mel=DIR.")
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
flags.DEFINE_string("data", "", "TFRecords of the same clips (globs), for spectrograms and audio (retrieval).")
flags.DEFINE_string("model", "", "SavedModel whose first-layer filters the report shows (retrieval).")
command_line.define_flags(*TASKS.values())


def main() -> None:
    source = "scores" if FLAGS.task == "scores" else "embeddings"
    command_line.require_flags(source, "output")
    config = command_line.config_from_flags(TASKS[FLAGS.task]())
    from audioset_triplet.evaluation import comparisons
    from audioset_triplet.reports import evaluation_report

    sets = comparisons.embedding_sets(
        FLAGS[source].value,
        FLAGS.train_embeddings,
        command_line.named_folders("compare"),
        command_line.named_folders("train_compare"),
    )
    evaluation_report.check_inputs(FLAGS.data, FLAGS.model)  # before the evaluation, which takes long

    comparison = comparisons.compare(config, sets)
    report = evaluation_report.build(comparison, FLAGS.data, FLAGS.model)
    print(report.headline)
    results.write(FLAGS.output, comparison.numbers())
    report.write(FLAGS.output)
    print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main, writes="output")
