"""What the rating page and the questions for it can be told."""

import dataclasses

from audioset_triplet.config.detection import LoopConfig
from audioset_triplet.config.options import Config, option, require

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 8


@dataclasses.dataclass(frozen=True)
class AddressConfig(Config):
    """Where the rating page is served, and to whom."""

    host: str = option("127.0.0.1", "Address to listen at. Others than this machine's own need --token.")
    port: int = option(8765, "Port to listen at; 0: any that is free, which is printed.", at_least=0, at_most=65535)
    token: str = option(
        "", "Secret of at least 8 letters and digits that other machines need: http://HOST:PORT/?token=SECRET."
    )

    def check_rules(self) -> None:
        require(
            self.host in LOOPBACK or bool(self.token),
            f"--host={self.host} lets other machines rate: give a secret by --token.",
        )
        require(
            not self.token or (len(self.token) >= _SHORTEST_TOKEN and self.token.isalnum() and self.token.isascii()),
            f"--token needs at least {_SHORTEST_TOKEN} letters and digits.",
        )


@dataclasses.dataclass(frozen=True)
class RatingConfig(Config):
    """The rating page."""

    workdir: str = option("", "Folder of the annotation log and of the page's own key bindings.")
    data: str = option("", "The clips: TFRecords (globs). Or --audio.")
    audio: str = option("", "The clips: a folder of audio files, whose paths in it are the ids of the clips.")
    questions: str = option(
        "", "What to ask: CSV or Parquet. Empty: what is in the log, else “what is it?” of every clip."
    )
    classes: str = option("", "Names to complete: class_labels_indices.csv, or a name per line.")
    ontology: str = option("", "More names to complete, with descriptions and examples: AudioSet's ontology.json.")
    rater: str = option("", "Name of the rater. Empty: the page asks for it.")
    gold: str = option("", "Ratings that are known (TSV or Parquet), whose questions are mixed in.")
    gold_every: int = option(10, "Questions from one gold question to the next.", at_least=1)
    loop: LoopConfig = dataclasses.field(default_factory=LoopConfig)
    address: AddressConfig = dataclasses.field(default_factory=AddressConfig)
