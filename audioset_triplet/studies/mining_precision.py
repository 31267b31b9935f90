"""What exemplar mining finds of a class that is rare, beside one query, the mean of the exemplars, and chance.

For every class and trial the clips of the class are thinned to a prior among all others, as
`evaluation.mining_precision` does. The same exemplars are searched for in four ways, whose hits become candidates by
the same rules (`search.mining`):

    one_query    the mean window of the first exemplar
    mean         the mean of all windows of the exemplars
    all_windows  the average distance to all of these windows
    mined        the average distance to the windows of each cluster that exemplars share

A candidate is right if its clip has the class: clips should be no longer than a candidate.
"""

import dataclasses
from typing import Dict, List

import numpy as np

from audioset_triplet import results
from audioset_triplet.clips import digest
from audioset_triplet.config.search import MiningConfig
from audioset_triplet.config.studies import MiningStudyConfig
from audioset_triplet.errors import UserError
from audioset_triplet.evaluation import mining_precision
from audioset_triplet.evaluation.mining_precision import Draw, Precisions
from audioset_triplet.plurals import counted
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.reports import wording
from audioset_triplet.search import exemplars, mining, random_windows
from audioset_triplet.search.exemplars import ExemplarWindows, Segment
from audioset_triplet.search.memory_index import MemoryIndex
from audioset_triplet.search.windows import Filters
from audioset_triplet.store import stored_clips

RANDOM = "random"
METHODS = ("one_query", "mean", "all_windows", "mined")


def run(config: MiningStudyConfig) -> str:
    """Writes OUTPUT/results.json; returns a table to print.

    Raises:
        UserError: what the stores and `exemplars.find` raise; no class has enough clips.
    """
    clips = stored_clips.read_clips(config.embeddings)
    folders = [config.embeddings, config.background] if config.background else [config.embeddings]
    index = MemoryIndex(folders)
    num_background = len(stored_clips.read_clips(config.background).clip_ids) if config.background else 0
    classes = mining_precision.classes_of(clips, config.classes)
    drawn = random_windows.draw(folders[-1], seed=config.seed)
    measured: Dict[str, List[List[Precisions]]] = {name: [] for name in (RANDOM, *METHODS)}
    evaluated: Dict[str, None] = {}
    with progress_bar(name="mining", unit="classes", total=config.trials * len(classes)) as bar:
        for trial in range(config.trials):
            of_trial: Dict[str, List[Precisions]] = {name: [] for name in measured}
            for number, (name, rows) in enumerate(classes.items()):
                num_others = num_background + len(clips.clip_ids) - len(rows)
                seed = (config.seed, trial, number)
                one = mining_precision.draw(clips, rows, num_others, config.exemplars, config.prior, seed)
                if one:
                    evaluated[name] = None
                    of_trial[RANDOM].append(mining_precision.chance(one, _counts(config), config.candidates))
                    for method, found in _candidates(one, index, drawn, config).items():
                        of_trial[method].append(mining_precision.measure(found, one.relevant, _counts(config)))
                bar.update()
            for method, precisions in of_trial.items():
                measured[method].append(precisions)
    if not evaluated:
        raise UserError(
            f"no class has {config.exemplars} recordings for exemplars and enough other clips for a prior of "
            f"{config.prior:g}: lower --exemplars or --prior."
        )
    numbers = mining_precision.flat_numbers(measured)
    about = {"classes": list(evaluated), "clips_digest": digest(clips.clip_ids), "model_id": clips.model_id}
    results.write(config.output, numbers, **about, config=dataclasses.asdict(config))
    return _table(numbers, config, len(evaluated))


def _counts(config: MiningStudyConfig) -> List[int]:
    """N of the precisions."""
    return sorted({min(10, config.candidates), config.candidates})


def _candidates(drawn: Draw, index: MemoryIndex, random: np.ndarray, config: MiningStudyConfig) -> Dict[str, List[str]]:
    """Method -> the clips of its candidates, best first."""
    segments = [Segment(clip_id, np.nan, np.nan) for clip_id in drawn.exemplars]
    (mined,) = exemplars.find({"mined": segments}, config.embeddings, random, config.exemplar)
    windows = exemplars.windows_of(segments, config.embeddings)
    of_first, of_all = _mean(windows.take(np.flatnonzero(windows.segments == 0))), _mean(windows)
    searched = {"one_query": [of_first], "mean": [of_all], "all_windows": [windows], "mined": mined.clusters}
    wanted = [dataclasses.replace(mined, label=method, clusters=searched[method]) for method in METHODS]
    settings = MiningConfig(candidates=config.candidates, exemplar=config.exemplar)
    found = mining.mine(wanted, index, Filters(excluded=tuple(drawn.left_out)), "", settings)
    return {method: [one.clip_id for one in found if one.label == method] for method in METHODS}


def _mean(windows: ExemplarWindows) -> ExemplarWindows:
    """Their mean at unit length, in place of the first."""
    mean = windows.vectors.mean(axis=0, dtype=np.float64)
    return dataclasses.replace(windows.take(np.array([0])), vectors=(mean / np.linalg.norm(mean))[None])


def _table(numbers: Dict[str, float], config: MiningStudyConfig, num_classes: int) -> str:
    counts = _counts(config)
    header = ["candidates", *(f"first {count}" for count in counts), "recall"]
    rows = [[name, *values] for name, values in mining_precision.rows_of_table(numbers, (RANDOM, *METHODS))]
    rows.append(["at most", *(numbers[f"mining/possible_at_{count}"] for count in counts), 1.0])
    settings = (
        f"{counted(num_classes, 'class')}, {counted(config.exemplars, 'exemplar')}, prior {config.prior:g}, "
        f"{counted(config.trials, 'trial')}; precision among the first candidates"
    )
    return f"{wording.table(header, rows)}{settings}\nwrote {config.output}/results.json"
