r"""Takes the questions of an annotation log to Label Studio, and the answers of its annotators back.

python -m experiments.label_studio --task=export --workdir=labels --questions=questions.csv
python -m experiments.label_studio --task=import --workdir=labels --answers=project-1.json

export  writes WORKDIR/label-studio: tasks to import into a project, with candidate labels and their scores as
        predictions, and the project's labelling interface. --annotations=all adds the answers of raters,
        --annotations=decided what votes decide.
import  adds the annotations of Label Studio's export as JSON to the log: each annotator is a rater, a cancelled
        annotation is a skip. experiments.export_ratings decides by votes.
"""

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.config.label_studio import LabelStudioConfig

REQUIRED = {"export": [], "import": ["answers"]}  # task -> its flags

FLAGS = flags.FLAGS
flags.DEFINE_enum("task", None, list(REQUIRED), "What to do.")
command_line.define_flags(LabelStudioConfig)


def main() -> None:
    command_line.require_flags("task", "workdir", *REQUIRED.get(FLAGS.task, ()))
    config = command_line.config_from_flags(LabelStudioConfig())
    from audioset_triplet.labelling import label_studio_exchange  # here: its libraries take a second to load

    work = {"export": label_studio_exchange.export, "import": label_studio_exchange.take_in}
    print(work[FLAGS.task](config))


if __name__ == "__main__":
    command_line.run(main, writes="workdir")
