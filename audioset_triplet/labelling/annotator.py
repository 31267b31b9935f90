"""An annotator with so many answers to give; the stored labels stand in for a person's.

A strategy of questions sees labels through `ask` alone. A question is always the same: a clip is heard, "what is it?"
is answered by its classes, or by none of them. So it costs the same whatever the strategy.
"""

from typing import Dict, Sequence, Tuple

Labels = Tuple[int, ...]  # of a clip: class indices


class Annotator:
    """Answers about the clips of a pool, by row.

    Attributes:
        answers: the row of each clip that was asked about, in this order -> its labels.
    """

    def __init__(self, labels: Sequence[Labels], budget: int) -> None:
        """
        Args:
            labels: of each clip of the pool, hidden until it is asked about.
            budget: how many clips can be asked about; no more than there are.
        """
        if budget > len(labels):
            raise ValueError(f"{budget} questions about {len(labels)} clips")
        self._labels = labels
        self._budget = budget
        self.answers: Dict[int, Labels] = {}

    @property
    def questions_left(self) -> int:
        return self._budget - len(self.answers)

    def ask(self, row: int) -> Labels:
        """The labels of a clip. A ValueError if it was asked about before, or if no question is left."""
        if row in self.answers:
            raise ValueError(f"clip {row} is asked about twice")
        if not self.questions_left:
            raise ValueError(f"more than {self._budget} questions")
        self.answers[row] = self._labels[row]
        return self.answers[row]

    def ask_in_order(self, rows: Sequence[int], count: int) -> None:
        """Asks about the first `count` of some clips that were not asked about, or as many as questions are left."""
        for row in rows:
            if not count or not self.questions_left:
                return
            if row not in self.answers:
                self.ask(row)
                count -= 1
