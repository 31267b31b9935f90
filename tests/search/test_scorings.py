"""No window scores more than its bounds say, in float32 and with norms that stores allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet.search.scorings import Cosine, MeanDistance, MeanSquaredDistance, NearestDistance
from audioset_triplet.store.embedding_parts import NORM_TOLERANCE

SCORINGS = [lambda one: Cosine(one[0]), MeanDistance, MeanSquaredDistance, NearestDistance]


@pytest.mark.parametrize("scoring", SCORINGS, ids=["cosine", "mean", "squared", "nearest"])
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.0, 0.01, 0.3, 2.0]), count=st.integers(1, 5))
def test_bounds_are_above_scores(scoring, seed, spread, count):
    random = np.random.default_rng(seed)
    centre = random.normal(size=24)
    exemplars = centre + spread * random.normal(size=(count, 24))
    windows = centre + random.choice([0.0, 0.01, 1.0], size=(40, 1)) * random.normal(size=(40, 24))
    exemplars, windows = (
        (one / np.linalg.norm(one, axis=1, keepdims=True)).astype(np.float32) for one in (exemplars, windows)
    )
    windows *= random.uniform(1 - NORM_TOLERANCE, 1 + NORM_TOLERANCE, size=(40, 1)).astype(np.float32)
    of_query = scoring(exemplars)
    scores = of_query.scores(windows)
    assert (of_query.bounds(windows @ of_query.directions.T) >= scores).all()
    assert (of_query.tighter_bounds(windows) >= scores).all()
