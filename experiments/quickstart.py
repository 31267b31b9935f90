"""From a folder of audio clips to an evaluated SavedModel, in one command.

  python -m experiments.quickstart --output=demo                           # synthetic clips
  python -m experiments.quickstart --output=demo --esc50=ESC-50-master     # the ESC-50 data set, as downloaded

It runs the project's own commands one after the other, shows each, and stops at the first that fails: prepare ->
inspect -> train -> export -> embed -> evaluate. The log-mel input and the untrained network are evaluated beside the
model. The last fold is held out. Run it again to go on where it was stopped. On two CPU cores the synthetic clips take
less than five minutes, ESC-50 half an hour.
"""

import glob
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time
from typing import List

from absl import flags

from audioset_triplet import command_line, files
from audioset_triplet.config.triplet import TripletConfig
from audioset_triplet.errors import UserError
from audioset_triplet.synthetic import recordings
from data_prep import esc50

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "demo", "Folder for everything that is made.")
flags.DEFINE_string("esc50", "", "ESC-50 folder to use instead of synthetic clips.")
flags.DEFINE_integer("steps", 0, "Training steps; 0: as many as the preset has.", lower_bound=0)
flags.DEFINE_integer("seed", 0, "Seed of the training.")
flags.DEFINE_integer("clips_per_class", 40, "Synthetic clips per class, a fifth of them in each fold.", lower_bound=10)

NETWORKS = ("trained", "untrained", "log_mel")


def run(module: str, **options: object) -> None:
    """Runs one of the project's commands as a person would, and stops with its exit code if it fails."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    print(f"\n$ python -m {module} {shlex.join(arguments)}", flush=True)
    started = time.monotonic()
    status = subprocess.call([sys.executable, "-m", module, *arguments])
    if status:
        raise UserError(f"{module} failed with exit code {status}; its own message stands above.")
    print(f"  ({time.monotonic() - started:.0f} s)", flush=True)


def require_trained(workdir: str) -> None:
    """A training that is asked to stop ends well, but what it has learned so far is not to be reported."""
    from audioset_triplet.runs import checkpoints, run_config  # here: TensorFlow takes seconds to load

    config = run_config.read_as(workdir, TripletConfig)
    if not checkpoints.has_ended(workdir, config):
        raise UserError(f"{workdir}: the training was stopped before step {config.training.steps}: run this again.")


def embed_with(network: str, workdir: str, records: str, model: str, embeddings: str) -> None:
    """Exports one of NETWORKS and embeds the records with it, unless an earlier call did so from the same files."""
    made = f"{embeddings}.made"  # empty, written last
    folder, name = os.path.split(records)
    made_from = [
        *glob.glob(os.path.join(glob.escape(folder), name)),
        os.path.join(workdir, "checkpoints", "checkpoint"),
    ]
    if os.path.isdir(model) and os.path.isdir(embeddings) and files.is_newer(made, made_from):
        print(f"\n{model} and {embeddings} are there already", flush=True)
        return
    run("experiments.export_model", network=network, workdir=workdir, output=model)
    run("experiments.embed", model=model, input=records, output=embeddings)
    pathlib.Path(made).touch()


def folds_of(source: str) -> List[int]:
    """The folds of an ESC-50 style folder, ascending."""
    requests = esc50.read_requests(pathlib.Path(source), esc10_only=False)
    folds = sorted({request.fold for request in requests})
    if len(folds) < 2:
        raise UserError(f"{source} has one fold only: nothing is left to evaluate on.")
    return folds


def main() -> None:
    command_line.require_flags("output")
    os.makedirs(FLAGS.output, exist_ok=True)
    source = FLAGS.esc50
    if not source:
        source = os.path.join(FLAGS.output, "sounds")
        if not os.path.isdir(source):
            print(f"Synthesising audio clips into {source}", flush=True)
            recordings.write_world(source, clips_per_class=FLAGS.clips_per_class, num_processes=os.cpu_count() or 1)
    *train_folds, held_out = folds_of(source)
    folder = {name: os.path.join(FLAGS.output, name) for name in ("records", "run", "models", "embeddings", "report")}
    records = os.path.join(folder["records"], "*.tfrecord")
    held_out_records = os.path.join(folder["records"], f"fold{held_out}-*.tfrecord")

    run("data_prep.prepare_esc50", source=source, output=folder["records"])
    run("data_prep.inspect_tfrecords", data=records)
    settings = {"preset": "small" if FLAGS.esc50 else "demo", "seed": FLAGS.seed}
    if FLAGS.steps:
        settings["steps"] = FLAGS.steps
    train_data = {"data": records, "folds": ",".join(map(str, train_folds))}
    run("experiments.train_triplet", **train_data, workdir=folder["run"], **settings)
    require_trained(folder["run"])
    model, embeddings = (
        {name: os.path.join(folder[kind], name) for name in NETWORKS} for kind in ("models", "embeddings")
    )
    for name in NETWORKS:
        embed_with(name, folder["run"], held_out_records, model[name], embeddings[name])
    run(
        "experiments.evaluate",
        task="retrieval",
        embeddings=embeddings["trained"],
        compare=f"log-mel={embeddings['log_mel']},untrained={embeddings['untrained']}",
        data=held_out_records,
        model=model["trained"],
        output=folder["report"],
    )
    with open(os.path.join(folder["report"], "results.json"), encoding="utf-8") as file:
        numbers = json.load(file)
    rows = {"model": "map", "log-mel": "log-mel/map", "untrained": "untrained/map", "prior": "prior"}
    values = ", ".join(f"{name} {numbers[f'retrieval/{key}']:.3f}" for name, key in rows.items())
    print(f"\nRetrieval mAP on fold {held_out} of {source}: {values}.")
    print(f"Open {folder['report']}/report.html; the model is {model['trained']}.")
    if not FLAGS.esc50:
        print("The clips are synthetic: the numbers show that every step works, not how good the method is.")


if __name__ == "__main__":
    command_line.run(main, writes="output")
