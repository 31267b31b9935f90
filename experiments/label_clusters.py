r"""Labels many clips with few annotations: a person annotates a clip of each cluster, and the cluster gets its labels.

Jansen et al. 2020, "consolidation". The clusters are of whole clips (experiments.cluster --unit=clips). WORKDIR keeps
the annotation log (annotations.jsonl). The examples below name the flags that each task needs:

  query      selects a clip of each of the --budget largest clusters and writes them to WORKDIR/round-N to be annotated:
             CSV, JSON and Label Studio tasks, with audio files if there is --data. A larger --budget queries the
             clusters that follow, in another round; no clip is queried twice.
  annotate   reads --answers=FILE,...: a filled-in questions.csv or questions.json, or Label Studio's JSON export, whole
             or in part; --answers=oracle takes the labels that are stored with --embeddings.
  propagate  gives every clip of a cluster the labels of its annotated clip: WORKDIR/weak_labels.csv.
  train      trains the classifier of experiments.evaluate --task=classification on these, with cross-entropy, and
             evaluates it on other clips, which need true labels: WORKDIR/results.json and report.html.

  python -m experiments.label_clusters --task=query --workdir=W --assignments=CLUSTERS --embeddings=ALL \
      --train_folds=1,2,3 --budget=100 --data='records/*.tfrecord'
  python -m experiments.label_clusters --task=annotate --workdir=W --answers=W/round-1/questions.csv
  python -m experiments.label_clusters --task=propagate --workdir=W --assignments=CLUSTERS
  python -m experiments.label_clusters --task=train --workdir=W --embeddings=ALL --train_folds=1,2,3 --folds=4
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.config.labelling import LabellingConfig
from audioset_triplet.labelling import tasks as labelling
from audioset_triplet.reports import tasks as evaluations

REQUIRED = {  # task -> its flags
    "query": ["assignments"],
    "annotate": ["answers"],
    "propagate": ["assignments"],
    "train": ["embeddings"],
}

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", None, list(REQUIRED), "What to do.")
flags.DEFINE_list("folds", [], "Evaluate clips of these folds only (train). Empty: all clips.")
flags.DEFINE_string("train_embeddings", "", "Folder of the clips to learn from (train). Empty: that of --embeddings.")
flags.DEFINE_float(
    "annotated_weight", 1.0, "Weight of an annotated clip; a clip that got its labels has weight 1 (train).", 0.0
)
command_line.define_flags(LabellingConfig)
command_line.define_flags(HeadConfig)


def train(config: LabellingConfig) -> str:
    request = evaluations.Request(
        sources=evaluations.sources(config.embeddings, FLAGS.train_embeddings, {}, {}),
        folds=command_line.integers("folds"),
        train_folds=config.train_folds,
        seed=config.seed,
        head=command_line.config_from_flags(HeadConfig()),
        train_labels=labelling.weak_labels_path(config.workdir),
        annotated_weight=FLAGS.annotated_weight,
    )
    outcome = evaluations.classification_task(request)
    outcome.write(config.workdir, config.embeddings, config.seed)
    return f"{outcome.headline}\nwrote {config.workdir}/results.json and report.html"


def main() -> None:
    command_line.require_flags("task", "workdir", *REQUIRED.get(FLAGS.task, ()))
    tasks = {
        "query": labelling.query,
        "annotate": labelling.annotate,
        "propagate": labelling.propagate,
        "train": train,
    }
    print(tasks[FLAGS.task](command_line.config_from_flags(LabellingConfig())))


if __name__ == "__main__":
    command_line.run(main)
