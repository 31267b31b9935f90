r"""How many labels does it take? mAP against the number of clips that somebody is asked about.

Evaluation 3 of Jansen et al. 2020. Of N labels, random choice learns from N clips by lot; a choice by clusters asks
Evaluation 3 of Jansen et al. 2020. Of N labels, random choice learns from N clips by lot; a choice by clusters asks
about one clip of each of the N biggest clusters and learns from all of their clips (experiments.label_clusters does
other draws, and are measured on other clips.

  python -m experiments.label_curve --embeddings=ALL --train_folds=1,2,3 --folds=4 --output=curve \
      --clusterings='entropy=clusters/entropy-*,k-means=clusters/kmeans-*,entropy-400=clusters/entropy-400'

--clusterings names folders that experiments.cluster --task=assign wrote, of whole clips. A name that stands for one
folder labels the N biggest of its clusters; one that stands for several takes for each N the clustering with the fewest
clusters that has N of them.

It writes OUTPUT/results.json (label_curve/NAME/N/map, .../map_std, label_curve/NAME/reduction_at_80_percent, ...) and
report.html, again after every classifier. Stop it at any time; the same command goes on, and what is finished (OUTPUT/
cells) is never computed again. More --budgets, --trials and --clusterings extend it.
"""

import dataclasses
import glob
import json
import os
from typing import Any, Dict, List

from absl import flags
from tqdm import tqdm

import audioset_triplet
from audioset_triplet import clips, command_line, files
from audioset_triplet.config.evaluation import HeadConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import splits
from audioset_triplet.labelling import clip_clusters, selection
from audioset_triplet.labelling.clip_clusters import Clusters
from audioset_triplet.reports import label_curve_page
from audioset_triplet.studies import curve_files, label_curve

FLAGS = flags.FLAGS
flags.DEFINE_string("embeddings", "", "Folder that experiments.embed wrote: the clips to be evaluated.")
flags.DEFINE_list("folds", [], "Evaluate clips of these folds only, e.g. 4. Empty: all clips.")
flags.DEFINE_string("train_embeddings", "", "Folder of the clips to learn from. Empty: that of --embeddings.")
flags.DEFINE_list("train_folds", [], "Learn from clips of these folds only, e.g. 1,2,3. Empty: all clips.")
flags.DEFINE_list("clusterings", [], "What is compared with random choice: NAME=FOLDER or NAME=GLOB of folders.")
flags.DEFINE_list("budgets", [], "Numbers of labels. Empty: all clips, half of them, a quarter, and so on.")
flags.DEFINE_integer("trials", 5, "How often the clips are drawn and a classifier is trained, of each number.", 1)
flags.DEFINE_enum(
    "member", "random", selection.MEMBERS, "Which clip of a cluster is asked about: any, or the most probable."
)
flags.DEFINE_float(
    "asked_weight",
    1.0,
    "What a clip that was asked about counts in training, whose labels are known, beside one that got them from it.",
    0.0,
)
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
flags.DEFINE_integer("seed", 0, "Seed of all draws and of the classifiers.", 0)
command_line.define_flags(HeadConfig)


def read_clusterings() -> Dict[str, List[Clusters]]:
    found: Dict[str, List[Clusters]] = {}
    for text in FLAGS.clusterings:
        name, _, pattern = text.partition("=")
        folders = sorted(glob.glob(pattern))
        if not name or not pattern or "/" in name or name in (label_curve.RANDOM, *found):
            raise UserError(f"--clusterings needs NAME=FOLDER, each name once and none of them random, not {text!r}.")
        if not folders:
            raise UserError(f"--clusterings={text}: no such folder.")
        found[name] = [clip_clusters.read(folder) for folder in folders]
    return found


def main() -> None:
    command_line.require_flags("embeddings", "output", "clusterings")
    head = command_line.config_from_flags(HeadConfig())
    train_folder = FLAGS.train_embeddings or FLAGS.embeddings
    split = splits.read_split(
        train_folder, command_line.integers("train_folds"), FLAGS.embeddings, command_line.integers("folds")
    )
    clusterings = read_clusterings()
    choices = label_curve.Choices(split, clusterings, FLAGS.member, FLAGS.asked_weight, FLAGS.seed)
    budgets = sorted(set(command_line.integers("budgets"))) or label_curve.default_budgets(choices.num_clips)
    if not 1 <= budgets[0] <= budgets[-1] <= choices.num_clips:
        raise UserError(f"--budgets needs numbers from 1 to {choices.num_clips}, the clips that can be asked about.")
    info = split.train.info
    run: Dict[str, Any] = {
        "model_id": info.model_id,
        "front_end_id": info.front_end_id,
        "seed": FLAGS.seed,
        "member": FLAGS.member,
        "asked_weight": FLAGS.asked_weight,
        **{f"head/{name}": value for name, value in dataclasses.asdict(head).items()},
        **clips.digests(split.evaluated.clip_ids, split.train.clip_ids),
    }
    given = {**run, "clusterings": {name: [one.facts for one in several] for name, several in clusterings.items()}}
    cells = choices.cells(budgets, FLAGS.trials)
    os.makedirs(FLAGS.output, exist_ok=True)
    with files.held_alone(FLAGS.output, "computes a curve there"):
        curve_files.keep_settings(FLAGS.output, given)
        results = curve_files.read_results(FLAGS.output, cells)
        print(f"{FLAGS.output}: {len(results)} of {len(cells)} classifiers are trained", flush=True)
        for cell in tqdm(cells, desc="classifiers", disable=None):
            if cell not in results:
                results[cell] = choices.measure(cell, head)
                curve_files.write_result(FLAGS.output, cell, results[cell])
                write(results, run, choices.num_clips)
        write(results, run, choices.num_clips)
    print(label_curve_page.headline(label_curve.curves(results)))
    print(f"wrote {FLAGS.output}/results.json and report.html")


def write(results: Dict[label_curve.Cell, label_curve.Result], run: Dict[str, Any], num_clips: int) -> None:
    curves = label_curve.curves(results)
    version = {"code_version": audioset_triplet.__version__}
    numbers = {**label_curve.flat_numbers(curves), **label_curve_page.flat_numbers(curves), **run, **version}
    files.write_text(os.path.join(FLAGS.output, "results.json"), json.dumps(numbers, indent=2) + "\n")
    facts = [
        (key.replace("_", " "), str(value)) for key, value in numbers.items() if not key.startswith("label_curve/")
    ]
    page = label_curve_page.render(curves, run["model_id"], num_clips, facts)
    files.write_text(os.path.join(FLAGS.output, "report.html"), page)


if __name__ == "__main__":
    command_line.run(main)
