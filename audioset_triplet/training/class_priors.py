"""The priors of the classes of a classifier, and the weights of positives that are made of them.

The prior of a class is the share of clips that have it. Where some classes are a thousand times as frequent as others,
the loss of a positive is weighted by (mean prior / prior of its class)^beta, and negatives are not weighted: beta = 1
balances the classes as if each had the mean prior. (The group's talk on AudioSet gives the rule in words; the formula
is the one that fits them. What balancing costs: Moore et al. 2023, "Dataset balancing can hurt model performance".)

The classes are those of the training clips, so that each has a positive, and the mean is over them alone.
"""

import collections
import sys
from typing import Dict, Mapping, Sequence

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo, add_class_names
from audioset_triplet.errors import UserError


def of_clips(clips: Sequence[ClipInfo]) -> Dict[int, float]:
    """Class index -> share of these clips, at least one, that have the class; ascending."""
    counts = collections.Counter(label for clip in clips for label in set(clip.labels))
    return {index: counts[index] / len(clips) for index in sorted(counts)}


def of_card(path: str, names: Mapping[int, str]) -> Dict[int, float]:
    """The priors of some classes by the copy card of prepared records, whatever part of them a run learns from.

    They are shares of the clips that the card counts as used, those without a label included; of files, where these
    are cut into clips. A line on stderr counts the classes of the card that are not asked for.

    Args:
        path: coverage.json, which is beside the records.
        names: class index -> name.

    Raises:
        UserError: there is no such file, it is no card, or one of the classes has another name or a prior of 0 there.
    """
    try:
        total = files.read_json_object(path)["total"]
        num_clips, classes = int(total["used"]), total["classes"]
        counts = {int(one["index"]): int(one["used"]) for one in classes if one["used"]}
        card_names = [(int(one["index"]), str(one["name"])) for one in classes]
    except OSError as error:
        raise UserError(f"--priors={path}: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"--priors={path}: not the copy card of prepared records ({type(error).__name__}: {error}): is this "
            "coverage.json?"
        ) from error
    add_class_names(dict(names), card_names, f"--priors={path}")
    missing = [index for index in names if index not in counts]
    if missing:
        raise UserError(
            f"--priors={path}: {len(missing)} classes that the clips have are of none of its clips, such as "
            f"{missing[0]} ({names[missing[0]]}): their prior is 0 there; give the card of these records."
        )
    num_left_out = len(counts.keys() - names.keys())
    if num_left_out:
        print(f"{num_left_out} classes of --priors={path} have no clip to learn from: left out.", file=sys.stderr)
    return {index: counts[index] / num_clips for index in sorted(names)}


def positive_weights(priors: Mapping[int, float], exponent: float) -> Dict[int, float]:
    """Class index -> (mean prior / prior)^exponent.

    Args:
        priors: class index -> prior, more than 0.
        exponent: beta; 0: all weights are 1.
    """
    mean = sum(priors.values()) / len(priors)
    return {index: (mean / prior) ** exponent for index, prior in priors.items()}
