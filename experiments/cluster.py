"""Clusters stored embeddings, assigns embeddings to clusters, and reports on the assignments.

python -m experiments.cluster --task=train --embeddings=DIR --workdir=runs/clusters --num_clusters=1000
    [--method=kmeans] [--unit=clips]
python -m experiments.cluster --task=assign --workdir=runs/clusters --embeddings=DIR --output=assigned
python -m experiments.cluster --task=report --assignments=assigned --embeddings=DIR --output=report
    [--compare=k-means=DIR] [--data='records/*.tfrecord']

train    trains a cluster head on frozen embeddings: with the clustering loss, which can be stopped and resumed with the
         same command, or with k-means. Flags: --method, --unit, --folds, those of the head and of training.
assign   writes OUTPUT/assignments.parquet, the cluster of every clip or window with its probability, and
         OUTPUT/clusters.parquet, the size and the most probable members of every cluster. --workdir is one of train, or
         of a training whose network learned clusters too. Flags: --unit (if given), --folds, --top, and those of the
         runner: all cores or GPUs of the machine work, or a cluster, whose options follow after --.
report   writes OUTPUT/results.json (flat keys such as cluster/nmi), OUTPUT/report.html and a page for each of the
         --pages largest clusters, with the audio of its members if --data is given. --compare evaluates other
         assignments of the same clips or windows too.
"""

from typing import List

from absl import flags

from audioset_triplet import command_line, results
from audioset_triplet.config.clustering import ClusterConfig
from audioset_triplet.config.evaluation import ClusterReportConfig
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.plurals import counted

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", "train", ["train", "assign", "report"], "The task.")
flags.DEFINE_string("workdir", "", "Directory of the run (train, assign); made if it is missing.")
flags.DEFINE_string("output", "", "Output folder (assign, report).")
flags.DEFINE_string("assignments", "", "Folder that assign wrote (report).")
flags.DEFINE_list("compare", [], "Other assignments, e.g. k-means=DIR (report).")
flags.DEFINE_string("data", "", "TFRecords of the clips (globs), for spectrograms and audio (report).")
flags.DEFINE_integer("top", 10, "Members that clusters.parquet names of each cluster (assign).", 1)
command_line.define_flags(ClusterConfig)
command_line.define_flags(RunnerConfig)
command_line.define_flags(ClusterReportConfig, left_out=["seed"])  # that of training


def train() -> None:
    command_line.require_flags("embeddings", "workdir")
    from audioset_triplet.training import cluster_embeddings

    cluster_embeddings.train(command_line.config_from_flags(ClusterConfig()), FLAGS.workdir)


def assign(beam_options: List[str]) -> None:
    command_line.require_flags("workdir", "embeddings", "output")
    runner = command_line.config_from_flags(RunnerConfig())
    from audioset_triplet.export import assigner

    unit = FLAGS.unit if FLAGS["unit"].present else ""
    where, folds = assigner.at(FLAGS.output, runner, beam_options), command_line.integers("folds")
    info = assigner.assign(FLAGS.workdir, FLAGS.embeddings, FLAGS.output, unit, folds, FLAGS.top, where)
    print(f"wrote {FLAGS.output}/assignments.parquet and clusters.parquet: {info.unit} of {info.model_id}")


def report() -> None:
    command_line.require_flags("assignments", "embeddings", "output")
    config = command_line.config_from_flags(ClusterReportConfig())
    from audioset_triplet.evaluation import cluster_metrics
    from audioset_triplet.reports import cluster_pages, evaluation_report

    evaluation_report.check_inputs(FLAGS.data)  # before the evaluation, which takes long
    comparison = cluster_metrics.compare(FLAGS.embeddings, FLAGS.assignments, command_line.named_folders("compare"))
    pages = cluster_pages.report(comparison, config, FLAGS.data)
    results.write(FLAGS.output, comparison.numbers(), seed=config.seed)
    pages.write(FLAGS.output)
    print(pages.headline)
    print(f"wrote {FLAGS.output}/results.json, report.html and {counted(len(pages.pages) - 1, 'page')} of clusters")


def main(beam_options: List[str]) -> None:
    with command_line.writing("workdir" if FLAGS.task == "train" else "output"):
        {"train": train, "assign": lambda: assign(beam_options), "report": report}[FLAGS.task]()


if __name__ == "__main__":
    command_line.run_passing_on(main)
