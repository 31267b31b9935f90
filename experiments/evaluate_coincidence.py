r"""Says how well a stage of experiments.train_coincidence tells what coincides, on recordings that it has not seen.

  python -m experiments.evaluate_coincidence --workdir=run/stage2 --data='records/*.tfrecord' --folds=4 --output=report

Draws moments from the clips and shows the network all pairs of them. Writes OUTPUT/results.json (coincidence/av/auc and
so on, also coincidence/aa/... where two sounds were learned) and OUTPUT/report.html, with a reliability diagram (is it
right about how sure it is?) and, of videos, examples to look at and to listen to.
"""

import json
import os

from absl import flags

import audioset_triplet
from audioset_triplet import command_line, files
from audioset_triplet.clips import digest
from audioset_triplet.config.coincidence import CoincidenceConfig

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", "", "Folder of a stage: WORKDIR/stageN of experiments.train_coincidence.")
flags.DEFINE_string("data", "", "TFRecords to evaluate on: a glob, or several separated by commas.")
flags.DEFINE_list("folds", [], "Only clips of these folds, e.g. 4. Empty: all clips.")
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
flags.DEFINE_integer("moments_per_clip", 5, "Moments that are drawn from each clip.", 1)
flags.DEFINE_integer("num_moments", 4000, "Moments in all, at most: all pairs of them are scored.", 2)
flags.DEFINE_integer("seed", 0, "Seed of all draws.", 0)


def main() -> None:
    command_line.require_flags("workdir", "data", "output")
    # Behind the flags: TensorFlow takes seconds to load.
    from audioset_triplet.evaluation import coincidence
    from audioset_triplet.records import clip_labels
    from audioset_triplet.reports import coincidence_page
    from audioset_triplet.runs import run_config

    config = run_config.read_as(FLAGS.workdir, CoincidenceConfig)
    folds = command_line.integers("folds")
    sample = coincidence.measure(
        FLAGS.workdir, FLAGS.data, folds, FLAGS.num_moments, FLAGS.moments_per_clip, FLAGS.seed
    )
    drawn = set(sample.clip_ids)
    clips = [clip for clip in clip_labels.read(FLAGS.data, folds) if clip.clip_id in drawn]
    numbers = {
        f"coincidence/{kind}/{name}": value
        for kind, result in sample.results.items()
        for name, value in coincidence.numbers(result).items()
    }
    run = {
        "clips": len(clips),
        "clips_digest": digest([clip.clip_id for clip in clips]),
        "moments": len(sample.clip_ids),
        "seed": FLAGS.seed,
        "code_version": audioset_triplet.__version__,
    }
    facts = [
        ("network", f"{FLAGS.workdir}, {config.training.steps:,} steps"),
        ("clips", f"{len(clips)}, digest {run['clips_digest']}"),
        ("moments", f"{run['moments']}, seed {FLAGS.seed}"),
        ("code version", audioset_triplet.__version__),
    ]
    titles = clip_labels.class_names(clips)
    text = coincidence_page.render(sample, titles, config.terms.coincidence_seconds, facts, FLAGS.seed)
    os.makedirs(FLAGS.output, exist_ok=True)
    files.write_text(os.path.join(FLAGS.output, "results.json"), json.dumps({**numbers, **run}, indent=2) + "\n")
    files.write_text(os.path.join(FLAGS.output, "report.html"), text)
    for kind, result in sample.results.items():
        print(f"{kind}: AUC {result.auc:.3f}, calibration error {result.calibration_error:.3f}")
    print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main)
