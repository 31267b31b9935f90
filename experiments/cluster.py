"""Clusters stored embeddings, assigns embeddings to clusters, and shows what was found.

python -m experiments.cluster --task=train --embeddings=DIR --workdir=runs/clusters --num_clusters=1000
    [--method=kmeans] [--unit=clips]
python -m experiments.cluster --task=assign --workdir=runs/clusters --embeddings=DIR --output=assigned
python -m experiments.cluster --task=report --assignments=assigned --embeddings=DIR --output=report
    [--compare=k-means=DIR] [--data='records/*.tfrecord']

train    trains a head of clusters on embeddings as they are: by the clustering loss, which can be stopped and goes on
         with the same command, or by k-means. Flags: --method, --unit, --folds, those of the head and of training.
assign   writes OUTPUT/assignments.parquet, the cluster and its probability of every clip or window, and
         OUTPUT/clusters.parquet, the size and the surest members of every cluster. --workdir is one of train, or of a
         training whose network learned clusters too. Flags: --unit (if given), --folds, --top.
report   writes OUTPUT/results.json (flat keys such as cluster/nmi), OUTPUT/report.html and a page for each of the
         --pages largest clusters, with the sounds of its members where --data has them. --compare puts other
         assignments of the same clips or windows beside them.
"""

import json
import os

from absl import flags

import audioset_triplet
from audioset_triplet import command_line, files
from audioset_triplet.config.clustering import ClusterConfig

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", "train", ["train", "assign", "report"], "What to do.")
flags.DEFINE_string("workdir", "", "Directory of the run (train, assign); made if it is missing.")
flags.DEFINE_string("output", "", "Folder for what is written (assign, report).")
flags.DEFINE_string("assignments", "", "Folder that assign wrote (report).")
flags.DEFINE_list("compare", [], "Other assignments, e.g. k-means=DIR (report).")
flags.DEFINE_string("data", "", "TFRecords of the clips (globs), for spectrograms and sounds (report).")
flags.DEFINE_integer("top", 10, "Members that clusters.parquet names of each cluster (assign).", 1)
flags.DEFINE_integer("pages", 50, "Largest clusters that get a page (report).", 0)
command_line.define_flags(ClusterConfig)


def train() -> None:
    command_line.require_flags("embeddings", "workdir")
    from audioset_triplet.training import cluster_embeddings

    cluster_embeddings.train(command_line.config_from_flags(ClusterConfig()), FLAGS.workdir)


def assign() -> None:
    command_line.require_flags("workdir", "embeddings", "output")
    from audioset_triplet.export import assigner

    unit = FLAGS.unit if FLAGS["unit"].present else ""
    info = assigner.assign(
        FLAGS.workdir, FLAGS.embeddings, FLAGS.output, unit, command_line.integers("folds"), FLAGS.top
    )
    print(f"wrote {FLAGS.output}/assignments.parquet and clusters.parquet: {info.unit} of {info.model_id}")


def report() -> None:
    command_line.require_flags("assignments", "embeddings", "output")
    from audioset_triplet.evaluation import clustering, metrics
    from audioset_triplet.reports import cluster_pages
    from audioset_triplet.reports.page import NamedResult
    from audioset_triplet.store import assignments, stored_clips

    if FLAGS.data:
        from audioset_triplet.records import reading

        reading.expand_globs(FLAGS.data)  # before the work, not after it
    known = stored_clips.read_clips(FLAGS.embeddings)
    found = {"": assignments.read(FLAGS.assignments)}
    found.update((name, assignments.read(folder)) for name, folder in command_line.named_folders("compare").items())
    own = found[""]
    sets = []
    for name, one in found.items():
        assignments.require_same_rows(own, FLAGS.assignments, one, name)
        title = name or {"entropy": "entropy clustering", "kmeans": "k-means"}[one.info.method]
        sets.append(NamedResult(title, one.info.model_id, clustering.measure(one, known)))
    numbers = clustering.flat_numbers(sets[0].result)
    for other in sets[1:]:
        numbers.update(clustering.flat_numbers(other.result, f"cluster/{other.name}"))
    facts = [
        ("embeddings", f"{own.info.model_id}, front end {own.info.front_end_id}"),
        ("clustered", f"{len(own.clusters):,} {own.info.unit}, {own.info.num_clusters:,} clusters, {own.info.method}"),
        ("members by lot", f"seed {FLAGS.seed}"),
    ]
    titles = metrics.class_titles(known.class_names)
    pages = cluster_pages.render(own, known, titles, sets, facts, FLAGS.pages, FLAGS.seed, FLAGS.data)
    about = {**vars(own.info), "code_version": audioset_triplet.__version__, "seed": FLAGS.seed}
    os.makedirs(os.path.join(FLAGS.output, "clusters"), exist_ok=True)
    for name, text in pages.items():
        files.write_text(os.path.join(FLAGS.output, name), text)
    files.write_text(os.path.join(FLAGS.output, "results.json"), json.dumps({**numbers, **about}, indent=2) + "\n")
    print(clustering.headline({one.name: one.result for one in sets}))
    print(f"wrote {FLAGS.output}/results.json, report.html and {len(pages) - 1} pages of clusters")


def main() -> None:
    {"train": train, "assign": assign, "report": report}[FLAGS.task]()


if __name__ == "__main__":
    command_line.run(main)
