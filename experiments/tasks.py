"""The evaluations of experiments.reproduce_jansen2018, all with the same draws and the same seeds for every row."""

import dataclasses
from typing import Any, Dict, List, Tuple

from audioset_triplet.config import HeadConfig
from audioset_triplet.data import embeddings
from audioset_triplet.evaluation import classification, knn, retrieval, semi_supervised
from audioset_triplet.evaluation.cells import Cell
from audioset_triplet.evaluation.metrics import ScoreMetrics

Values = Dict[str, List[float]]  # measure -> its value in each trial
ClassValues = Dict[int, float]  # class -> average precision

SEED = 0  # of draws and heads: every row and every training seed meets the same
DRAWS = 5
NEIGHBOURS = 5
