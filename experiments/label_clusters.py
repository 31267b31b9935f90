r"""Labels many clips with few annotations: a person annotates a clip of each cluster, and the cluster gets its labels.

Jansen et al. 2020, "consolidation". The clusters are of whole clips (experiments.cluster --unit=clips). WORKDIR keeps
the annotation log (annotations.jsonl). The examples below name the flags that each task needs:

  query      selects a clip of each of the --budget largest clusters and writes them to WORKDIR/round-N to be annotated:
             CSV, JSON and Label Studio tasks, with audio files if there is --data. A larger --budget queries the
             clusters that follow, in another round; no clip is queried twice.
  annotate   reads --answers=FILE,...: a filled-in questions.csv or questions.json, or Label Studio's export as JSON,
             JSON-MIN or CSV, whole or in part; --answers=oracle takes the labels that are stored with --embeddings.
  propagate  gives every clip of a cluster the labels of its annotated clip: WORKDIR/weak_labels.csv.
  train      trains the classifier of experiments.evaluate --task=classification on these, with cross-entropy, and
             evaluates it on other clips, which need true labels: WORKDIR/results.json and report.html.

  python -m experiments.label_clusters --task=query --workdir=W --assignments=CLUSTERS --embeddings=ALL \
      --train_folds=1,2,3 --budget=100 --data='records/*.tfrecord'
  python -m experiments.label_clusters --task=annotate --workdir=W --answers=W/round-1/questions.csv
  python -m experiments.label_clusters --task=propagate --workdir=W --assignments=CLUSTERS
  python -m experiments.label_clusters --task=train --workdir=W --embeddings=ALL --train_folds=1,2,3 --folds=4
"""

import dataclasses

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.labelling import LabellingConfig

REQUIRED = {  # task -> its flags
    "query": ["assignments"],
    "annotate": ["answers"],
    "propagate": ["assignments"],
    "train": ["embeddings"],
}

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", None, list(REQUIRED), "What to do.")
command_line.define_flags(LabellingConfig, left_out=["weak_labels"])


def train(config: LabellingConfig) -> str:
    from audioset_triplet.evaluation import comparisons
    from audioset_triplet.labelling import tasks
    from audioset_triplet.reports import evaluation_report

    weak_labels = tasks.weak_labels_path(config.workdir)
    comparison = comparisons.compare(
        dataclasses.replace(config.classification, weak_labels=weak_labels),
        comparisons.embedding_sets(config.embeddings, config.train_embeddings),
    )
    report = evaluation_report.build(comparison)
    results.write(config.workdir, comparison.numbers())
    report.write(config.workdir)
    return f"{report.headline}\nwrote {config.workdir}/results.json and report.html"


def main() -> None:
    command_line.require_flags("task", "workdir", *REQUIRED.get(FLAGS.task, ()))
    config = command_line.config_from_flags(LabellingConfig())
    from audioset_triplet.labelling import tasks  # here: TensorFlow takes seconds to load

    work = {"query": tasks.query, "annotate": tasks.annotate, "propagate": tasks.propagate, "train": train}
    print(work[FLAGS.task](config))


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
