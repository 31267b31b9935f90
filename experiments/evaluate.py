"""Measures stored embeddings and shows what was found.

Reads what experiments.embed wrote, prints a headline, and writes OUTPUT/results.json (flat keys such as retrieval/map)
and OUTPUT/report.html, one page that can be sent to a colleague as it is. Tasks:

  retrieval        query by example: are clips of one class closer to each other than to the rest? Mean average
                   precision over classes, beside what a random order scores (the prior).
  classification   a fully connected classifier (--hidden_layers, --hidden_units, --head_*) on the frozen embeddings of
                   windows, trained on labelled clips and measured on others: mAP, AUC, d-prime, EER, and accuracy
                   where every clip has one label.
  semi_supervised  the same with few labelled clips per class (--labels_per_class), drawn --trials times.
  knn              votes of the --neighbours labelled clips nearest to a clip, weighted by exp(cosine / --temperature):
                   needs no training.

Retrieval needs clips to measure. The others also need clips to learn from, of other recordings: give all folds in one
folder and tell them apart, or another folder of the same model. Which clips they were is said by digests of their ids
(clips_digest, train_clips_digest), which coverage.json of the records has too: numbers compare where they are the same.

  python -m experiments.evaluate --task=retrieval --embeddings=EVAL --output=DIR
      [--compare=log-mel=DIR,untrained=DIR] [--data='records/fold4-*.tfrecord'] [--model=SAVED_MODEL]
  python -m experiments.evaluate --task=classification --embeddings=ALL --train_folds=1,2,3 --folds=4 --output=DIR
  python -m experiments.evaluate --task=semi_supervised --train_embeddings=TRAIN --embeddings=EVAL --output=DIR

--compare puts other embeddings of the same clips beside them. For retrieval --data adds spectrograms and sounds to the
report, --model the filters of the network's first layer.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.reports import tasks

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", "retrieval", sorted(tasks.TASKS), "What to measure.")
flags.DEFINE_string("embeddings", "", "Folder that experiments.embed wrote: the clips to be evaluated.")
flags.DEFINE_list("folds", [], "Evaluate clips of these folds only, e.g. 4. Empty: all clips.")
flags.DEFINE_string("train_embeddings", "", "Folder of the labelled clips to learn from. Empty: that of --embeddings.")
flags.DEFINE_list("train_folds", [], "Learn from clips of these folds only, e.g. 1,2,3. Empty: all clips.")
flags.DEFINE_list("compare", [], "Other embeddings of the same clips, e.g. log-mel=DIR,untrained=DIR.")
flags.DEFINE_list("train_compare", [], "Folders of their labelled clips, where not the same: log-mel=DIR.")
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
flags.DEFINE_integer("seed", 0, "Seed of all draws, of the classifier, of the example queries and of the map.", 0)
flags.DEFINE_string("data", "", "TFRecords of the same clips (globs), for spectrograms and sounds (retrieval).")
flags.DEFINE_string("model", "", "SavedModel whose first-layer filters the report shows (retrieval).")
flags.DEFINE_integer("draws", 5, "How often the clips to compare with are drawn (retrieval).", 1)
flags.DEFINE_list("labels_per_class", ["1", "5", "10", "20"], "Labelled clips per class (semi_supervised).")
flags.DEFINE_integer("trials", 3, "How often the labelled clips are drawn (semi_supervised).", 1)
flags.DEFINE_integer("neighbours", 5, "Nearest labelled clips that vote (knn).", 1)
flags.DEFINE_float("temperature", 0.07, "Of the votes; the lower, the more the nearest decides (knn).", 1e-3)
command_line.define_flags(HeadConfig)


def main() -> None:
    command_line.require_flags("embeddings", "output", "labels_per_class")
    labels_per_class = command_line.integers("labels_per_class")
    if min(labels_per_class) < 1:
        raise UserError(f"--labels_per_class needs numbers of 1 or more, not {min(labels_per_class)}.")
    request = tasks.Request(
        sources=tasks.sources(
            FLAGS.embeddings,
            FLAGS.train_embeddings,
            command_line.named_folders("compare"),
            command_line.named_folders("train_compare"),
        ),
        folds=command_line.integers("folds"),
        train_folds=command_line.integers("train_folds"),
        seed=FLAGS.seed,
        draws=FLAGS.draws,
        head=command_line.config_from_flags(HeadConfig()),
        labels_per_class=labels_per_class,
        trials=FLAGS.trials,
        k=FLAGS.neighbours,
        temperature=FLAGS.temperature,
        data=FLAGS.data,
        saved_model=FLAGS.model,
    )
    outcome = tasks.TASKS[FLAGS.task](request)
    print(outcome.headline)
    outcome.write(FLAGS.output, FLAGS.embeddings, FLAGS.seed)
    print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main)
