"""Measures stored embeddings and shows what was found.

    python -m experiments.evaluate --task=retrieval --embeddings=DIR --output=DIR
        [--compare=log-mel=DIR,untrained=DIR] [--data='records/fold4-*.tfrecord'] [--model=SAVED_MODEL] [--folds=4]

reads what experiments.embed wrote and writes OUTPUT/results.json (flat keys such as retrieval/map) and
OUTPUT/report.html, one page that can be sent to a colleague as it is. The headline is printed too.

Tasks:
  retrieval  query by example: are clips of one class closer to each other than to the rest? Mean average precision
             over classes, beside what a random order scores (the prior).

--compare puts other embeddings of the same clips beside them. --data adds spectrograms and sounds to the report,
--model the filters of the network's first layer.
"""

import json
import os
from typing import Any, Callable, Dict, Tuple

from absl import flags

import audioset_triplet
from audioset_triplet import command_line, files
from audioset_triplet.data import clips as stored
from audioset_triplet.data.clips import ClipVectors
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import metrics, report, retrieval

FLAGS = flags.FLAGS
RESERVED_NAMES = ("model", "class", "map", "map_std", "prior", "num_classes", "classes_left_out", "num_clips")


def retrieval_task(sets: Dict[str, ClipVectors]) -> Dict[str, Any]:
    """Ranks, prints and reports; returns the numbers under flat keys. The first of the sets is the model."""
    results = {
        name: report.NamedResult(name, clips.model_id, retrieval.evaluate(clips, FLAGS.draws, FLAGS.seed))
        for name, clips in sets.items()
    }
    clips, (model, *compared) = next(iter(sets.values())), results.values()
    titles = metrics.class_titles(clips.class_names)
    print(f"{'retrieval':24}{'mAP':>8}{'± std':>8}")
    for one in results.values():
        print(f"{one.name:24}{one.result.map:8.3f}{one.result.map_std:8.3f}")
    print(f"{'random order (prior)':24}{model.result.prior:8.3f}")
    counts = f"{len(model.result.class_average_precision)} classes, {model.result.num_clips} clips, {FLAGS.draws} draws"
    print(f"{counts}; left out for want of clips: {len(model.result.classes_left_out)} classes")
    numbers: Dict[str, Any] = retrieval.flat_numbers(model.result, titles, "retrieval")
    for one in compared:
        numbers.update(retrieval.flat_numbers(one.result, titles, f"retrieval/{one.name}"))
        numbers[f"retrieval/{one.name}/model_id"] = one.model_id
    facts = [
        ("clips", str(model.result.num_clips)),
        ("folds", ", ".join(str(fold) if fold >= 0 else "none" for fold in sorted(set(clips.folds.tolist())))),
        ("classes", f"{len(titles)}, of which {len(model.result.classes_left_out)} left out"),
        ("pairs", f"{FLAGS.draws} draws of at most {retrieval.CLIPS_PER_CLASS} clips per class, seed {FLAGS.seed}"),
        ("embeddings", FLAGS.embeddings),
        *((one.name, one.model_id) for one in results.values()),
        ("front end", clips.info.front_end_id),
        ("code version", audioset_triplet.__version__),
    ]
    path = os.path.join(FLAGS.output, "report.html")
    report.write(path, clips, titles, model, compared, facts, FLAGS.seed, FLAGS.data, FLAGS.model)
    return numbers


TASKS: Dict[str, Callable[[Dict[str, ClipVectors]], Dict[str, Any]]] = {"retrieval": retrieval_task}

flags.DEFINE_enum("task", "retrieval", sorted(TASKS), "What to measure.")
flags.DEFINE_string("embeddings", "", "Folder that experiments.embed wrote.")
flags.DEFINE_list("compare", [], "Other embeddings of the same clips, e.g. log-mel=DIR,untrained=DIR.")
flags.DEFINE_list("folds", [], "Only clips of these folds, e.g. 4. Empty: all clips.")
flags.DEFINE_string("output", "", "Folder for results.json and report.html.")
flags.DEFINE_string("data", "", "TFRecords of the same clips (globs), for spectrograms and sounds in the report.")
flags.DEFINE_string("model", "", "SavedModel whose first-layer filters the report shows.")
flags.DEFINE_integer("draws", 5, "How often the clips to compare with are drawn.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the draws, of the example queries and of the map.", lower_bound=0)


def named_folder(text: str) -> Tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not (equals and name and folder) or "/" in name or name in RESERVED_NAMES:
        raise UserError(f"--compare needs name=DIR, with a name of your own and without /, not {text!r}.")
    return name, folder


def main() -> None:
    command_line.require_flags("embeddings", "output")
    folds = command_line.integers("folds")
    compared = dict(map(named_folder, FLAGS.compare))
    if len(compared) < len(FLAGS.compare):
        raise UserError(f"--compare has a name twice: {','.join(FLAGS.compare)}.")
    sets = {"model": stored.clip_vectors(FLAGS.embeddings, folds)}
    for name, folder in compared.items():
        sets[name] = stored.clip_vectors(folder, folds)
        retrieval.require_same_clips(sets["model"], FLAGS.embeddings, sets[name], folder)
    os.makedirs(FLAGS.output, exist_ok=True)
    numbers = TASKS[FLAGS.task](sets)
    info = sets["model"].info
    run = {
        "model_id": info.model_id,
        "front_end_id": info.front_end_id,
        "code_version": audioset_triplet.__version__,
        "draws": FLAGS.draws,
        "seed": FLAGS.seed,
    }
    files.write_text(os.path.join(FLAGS.output, "results.json"), json.dumps({**numbers, **run}, indent=2) + "\n")
    print(f"wrote {FLAGS.output}/results.json and report.html")


if __name__ == "__main__":
    command_line.run(main)
