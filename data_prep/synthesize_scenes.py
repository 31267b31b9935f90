r"""Mixes labelled clips into scenes of several labels with known onsets, in the formats of AudioSet.

    python -m data_prep.synthesize_scenes --source=ESC-50-master --folds=1,2,3 --scenes=4000 --output=train-scenes
    python -m data_prep.synthesize_scenes --source=ESC-50-master --folds=4 --scenes=1000 --output=eval-scenes \
        --prior_ratio=1 --highest_prior=0.06
    python -m data_prep.prepare_audioset  --segments=train-scenes/segments.csv --source=train-scenes/audio \
        --class_labels=train-scenes/class_labels_indices.csv --output=train-records
    python -m data_prep.prepare_audioset  --segments=eval-scenes/segments.csv --source=eval-scenes/audio \
        --class_labels=eval-scenes/class_labels_indices.csv --output=eval-records

--source is a folder of ESC-50 or UrbanSound8K, or any labelled folder, as prepare_folder reads it; --data_set=synthetic
needs none. Clips with several labels are left out. A scene lasts ten seconds; each class is in it by its prior, from
--highest_prior down to its --prior_ratio-th part, and there is at least one. A label is one event: the active part of a
clip, or at most --max_event_seconds of it, at a random time and --snr_db above the background, which is noise unless
--background or --background_classes say otherwise and has no label.

The output has what AudioSet has: audio/, segments.csv, class_labels_indices.csv, strong.tsv (onset and offset of what
is heard: at most 30 dB below the loudest moment of the event, and 10 dB below the background) and framed_posneg.tsv,
which rates frames PRESENT and NOT_PRESENT: for the labels of the scene, and for --hard_negatives absent classes whose
spectra are similar to theirs; weak_posneg.tsv does so for whole scenes. scenes.jsonl has the clips, gains and onsets,
scenes.json settings and priors.

Recordings stay in their folds, and sets of different folds have the same classes and priors. The same flags give the
same scenes, more --scenes add to them, and the same command resumes a run that was stopped.
"""

import os
import sys
import time
from typing import List, Optional

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.scenes import SceneConfig
from audioset_triplet.jobs import runner as runners
from audioset_triplet.synthetic import recordings
from audioset_triplet.synthetic.sounds import SOUNDS
from data_prep import folder, folder_flags, scene_folder, scene_sources
from data_prep.folder import ClipRules
from data_prep.plan import ClipList

_NUM_NAMED = 5
_SYNTHETIC_CLIPS = 20  # of each class: four in each of the five folds

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(folder_flags)
flags.DEFINE_string("source", "", "Folder of the clips; with --data_set=synthetic OUTPUT/sounds, which is made.")
flags.DEFINE_enum(
    "data_set",
    scene_sources.AUTO,
    list(scene_sources.DATA_SETS),
    "What --source is; auto: told by its list. For a folder there are --labels, --recording, --num_folds and so on.",
)
flags.DEFINE_enum("subset", "all", ["all", "esc10"], "esc10: the ten classes of ESC-10.")
flags.DEFINE_list("folds", [], "Only clips of these folds, e.g. 1,2,3. Empty: all.")
flags.DEFINE_string(
    "background",
    "",
    "Folder of audio for backgrounds, in --num_folds folds like any folder. Empty: noise, or --background_classes.",
)
flags.DEFINE_string("output", "", "Folder for the scenes, on this machine or at gs://, s3:// or hdfs://.")
flags.DEFINE_integer("scenes", 1000, "Number of scenes.", lower_bound=1)
command_line.define_flags(SceneConfig)
command_line.define_flags(RunnerConfig)


def list_clips(data_set: str) -> ClipList:
    """The clips of all folds."""
    if data_set == scene_sources.FOLDER:
        return folder_flags.list_clips(clip_seconds=0)
    if data_set == scene_sources.SYNTHETIC:
        source = os.path.join(FLAGS.output, "sounds")
        if not os.path.exists(source):
            recordings.write_world(source, len(SOUNDS), _SYNTHETIC_CLIPS, num_processes=os.cpu_count() or 1)
        return scene_sources.listed(source, data_set, "all")
    return scene_sources.listed(FLAGS.source, data_set, FLAGS.subset)


def list_backgrounds() -> Optional[ClipList]:
    if not FLAGS.background:
        return None
    return folder.clips(FLAGS.background, folder.NO_LABELS, ClipRules("", 0.0, FLAGS.num_folds))


def main(beam_options: List[str]) -> None:
    command_line.require_flags("output", *([] if FLAGS.data_set == scene_sources.SYNTHETIC else ["source"]))
    started = time.monotonic()
    config = command_line.config_from_flags(SceneConfig())
    runner = command_line.config_from_flags(RunnerConfig())
    runners.check(runner, beam_options)  # so that bad ones are refused before any listing
    data_set = scene_sources.data_set_of(FLAGS.source) if FLAGS.data_set == scene_sources.AUTO else FLAGS.data_set
    folds = command_line.integers("folds")
    material = scene_sources.material(
        data_set, list_clips(data_set), list_backgrounds(), folds, config.background_classes
    )
    summary = scene_folder.write(FLAGS.output, material, config, FLAGS.scenes, runner, beam_options)
    for line in summary.notes(_NUM_NAMED):
        print(line, file=sys.stderr)
    print(f"{summary}, {time.monotonic() - started:.1f} s -> {FLAGS.output}")


if __name__ == "__main__":
    command_line.run_passing_on(main)
