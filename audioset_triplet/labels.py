"""The classes of AudioSet, their ontology, and the ids of its segments.

Gemmeke et al. 2017, "Audio Set: an ontology and human-labeled dataset for audio events". Both files come with the data
set: class_labels_indices.csv (527 classes) and ontology.json (632 nodes, some of which are no class).
"""

import dataclasses
import functools
import graphlib
from typing import Any, Callable, Dict, Iterable, List, Mapping, Set, Tuple

from audioset_triplet import files, tables
from audioset_triplet.errors import UserError

_COLUMNS = ("index", "mid", "display_name")


def segment_id(video_id: str, start_seconds: float) -> str:
    """The id of a segment as in AudioSet's strong labels: the video, and the start in milliseconds."""
    return f"{video_id}_{round(start_seconds * 1000)}"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The classes, in the order of their numbers."""

    ids: Tuple[str, ...]  # such as /m/09x0r
    names: Tuple[str, ...]  # such as Speech

    @functools.cached_property
    def numbers(self) -> Mapping[str, int]:
        """id -> number of the class, from 0."""
        return {id_: number for number, id_ in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)


def read_vocabulary(path: str, advice: str = "is this class_labels_indices.csv?") -> Vocabulary:
    """Reads class_labels_indices.csv; `advice` is for a file that lacks a column.

    Raises:
        UserError: the file cannot be read, has no column of a name, or does not number its classes 0, 1, 2, ….
    """
    ids: Dict[str, str] = {}
    for row in tables.read(path, _COLUMNS, advice):
        id_, name = row["mid"].strip(), row["display_name"].strip()
        if row.integer("index") != len(ids) or not id_ or not name:
            raise UserError(f"{row.where}: expected class {len(ids)} with its id and name, not {row['index']!r}")
        if id_ in ids:
            raise UserError(f"{row.where}: {id_} is named twice")
        ids[id_] = name
    if not ids:
        raise UserError(f"{path}: names no class.")
    return Vocabulary(tuple(ids), tuple(ids.values()))


@dataclasses.dataclass(frozen=True)
class Node:
    """A sound category. The two marks tell why a category was not labelled; some marked nodes are classes still."""

    id: str
    name: str
    children: Tuple[str, ...]
    is_abstract: bool  # it only groups other nodes
    is_blacklisted: bool  # hard to recognize
    description: str = ""  # a sentence
    examples: Tuple[str, ...] = ()  # addresses of videos, with start and end


class Ontology:
    """A directed acyclic graph of sound categories: a node may have several parents, and there are several roots."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """
        Args:
            nodes: in the order of the results of all methods.

        Raises:
            UserError: an id of two nodes, a child that is not defined, or a cycle.
        """
        self.nodes: Dict[str, Node] = {}
        for node in nodes:
            if node.id in self.nodes:
                raise UserError(f"{node.id} is defined twice")
            self.nodes[node.id] = node
        parents: Dict[str, List[str]] = {id_: [] for id_ in self.nodes}
        for node in self.nodes.values():
            for child in node.children:
                if child not in self.nodes:
                    raise UserError(f"{node.id} has the child {child}, which is not defined")
                parents[child].append(node.id)
        self.parents: Mapping[str, Tuple[str, ...]] = {id_: tuple(ids) for id_, ids in parents.items()}
        try:
            tuple(graphlib.TopologicalSorter(self.parents).static_order())
        except graphlib.CycleError as error:
            raise UserError(f"{' -> '.join(error.args[1])} is a circle") from error

    @property
    def roots(self) -> Tuple[str, ...]:
        """The nodes without a parent."""
        return tuple(id_ for id_, parents in self.parents.items() if not parents)

    def ancestors(self, id_: str) -> Tuple[str, ...]:
        """All nodes above this one, each once, without itself."""
        return self._reachable(id_, lambda node: self.parents[node])

    def descendants(self, id_: str) -> Tuple[str, ...]:
        """All nodes below this one, each once, without itself."""
        return self._reachable(id_, lambda node: self.nodes[node].children)

    def _reachable(self, start: str, neighbours: Callable[[str], Iterable[str]]) -> Tuple[str, ...]:
        visited, pending = set(), list(neighbours(start))
        while pending:
            node = pending.pop()
            if node not in visited:
                visited.add(node)
                pending.extend(neighbours(node))
        return tuple(id_ for id_ in self.nodes if id_ in visited)


def read_ontology(path: str) -> Ontology:
    """Reads ontology.json.

    Raises:
        UserError: the file cannot be read, or is no ontology.
    """
    try:
        items = files.read_json(path)
        if not isinstance(items, list):
            raise TypeError("not a list of nodes")
        return Ontology([_node(item) for item in items])
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}: not the ontology ({type(error).__name__}: {error}): is this ontology.json?"
        ) from error


def _node(item: Mapping[str, Any]) -> Node:
    return Node(
        id=item["id"],
        name=item["name"],
        children=tuple(map(str, item["child_ids"])),
        is_abstract="abstract" in item["restrictions"],
        is_blacklisted="blacklist" in item["restrictions"],
        description=str(item.get("description", "")),
        examples=tuple(map(str, item.get("positive_examples", ()))),
    )


def with_ancestors(labels: Iterable[int], vocabulary: Vocabulary, ontology: Ontology) -> Tuple[int, ...]:
    """The labels of a clip and all their ancestors: a dog is an animal.

    Nodes that are no class are left out; their ancestors are not.

    Args:
        labels: numbers of `vocabulary`.
        vocabulary: the classes.
        ontology: holds each of them.

    Returns:
        Ascending, each once.

    Raises:
        UserError: a label that is not in the vocabulary, or a class that is not in the ontology.
    """
    all_labels: Set[int] = set()
    for label in labels:
        if not 0 <= label < len(vocabulary):
            raise UserError(f"label {label} is not one of the {len(vocabulary)} classes.")
        id_ = vocabulary.ids[label]
        if id_ not in ontology.nodes:
            raise UserError(f"{id_} ({vocabulary.names[label]}) is not in the ontology: are both of one release?")
        nodes = (id_, *ontology.ancestors(id_))
        all_labels.update(vocabulary.numbers[node] for node in nodes if node in vocabulary.numbers)
    return tuple(sorted(all_labels))
