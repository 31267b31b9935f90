"""The names that a label may have, and the search among them while a rater types."""

import dataclasses
import re
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from audioset_triplet import labels, tables
from audioset_triplet.labelling import annotation_files
from audioset_triplet.labels import Ontology


@dataclasses.dataclass(frozen=True)
class ClassName:
    """A class that a rater may name."""

    name: str
    description: str = ""
    examples: Tuple[str, ...] = ()


class ClassNames:
    """The classes of a list and the nodes of the ontology, each name once."""

    def __init__(self, names: Iterable[str], ids: Mapping[str, str] = {}, ontology: Optional[Ontology] = None) -> None:
        """
        Args:
            names: of classes, first in all results.
            ids: id of a class -> its name.
            ontology: what else may be named, with descriptions and examples.
        """
        nodes = ontology.nodes if ontology else {}
        self.names_of_ids: Dict[str, str] = {**{id_: node.name for id_, node in nodes.items()}, **ids}
        described = {self.names_of_ids[id_]: node for id_, node in nodes.items()}
        self._classes: Dict[str, ClassName] = {}
        for name in (*names, *ids.values(), *described):
            node = described.get(name)
            known = ClassName(name, node.description, node.examples) if node else ClassName(name)
            self._classes.setdefault(name, known)
        self._folded = {name: tables.folded(name) for name in self._classes}

    def get(self, name: str) -> ClassName:
        """What is known of a name, perhaps nothing else."""
        return self._classes.get(name, ClassName(name))

    def meant(self, name: str) -> Optional[str]:
        """The class of a name, in another case perhaps; None: there is none."""
        return tables.meant(name, self._classes)

    def search(self, text: str, count: int) -> List[ClassName]:
        """The classes for what a rater has typed, the best first.

        Names that begin with the text come first, then those with a word that does, those that hold it anywhere, and
        those whose description does.
        """
        wanted = tables.folded(text)
        if not wanted:
            return []
        word = re.compile(rf"\b{re.escape(wanted)}")

        def rank(name: str) -> int:
            folded = self._folded[name]
            matches = (
                folded.startswith(wanted),
                word.search(folded),
                wanted in folded,
                word.search(tables.folded(self._classes[name].description)),
            )
            return next((index for index, match in enumerate(matches) if match), len(matches))

        ranked = sorted(((rank(name), index, name) for index, name in enumerate(self._classes)))
        return [self._classes[name] for place, _, name in ranked if place < 4][:count]


def read(names: Iterable[str], classes: str, ontology: str) -> ClassNames:
    """The names that an annotation log has, and those of files.

    Args:
        names: of the log.
        classes: class_labels_indices.csv, or a text file with a name on each line; empty: none.
        ontology: ontology.json; empty: none.

    Raises:
        UserError: a file that cannot be read, or that is none of these.
    """
    ids: Dict[str, str] = {}
    if classes.lower().endswith((".csv", ".tsv")):
        vocabulary = labels.read_vocabulary(classes)
        ids = dict(zip(vocabulary.ids, vocabulary.names))
    elif classes:
        names = [*names, *annotation_files.read_classes(classes).values()]
    return ClassNames(names, ids, labels.read_ontology(ontology) if ontology else None)
