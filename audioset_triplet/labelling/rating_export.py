"""From the annotation log to a file of ratings, and how far it can be trusted."""

from audioset_triplet.config.voting import VotingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import log_folder, votes
from audioset_triplet.plurals import counted
from audioset_triplet.store import ratings


def export(workdir: str, output: str, config: VotingConfig) -> str:
    """Writes the ratings that votes decide, and returns how many, how far raters agree, and how gold was answered.

    Args:
        workdir: the folder of the log.
        output: TSV in AudioSet's framed columns, CSV, or Parquet, by its name.
        config: what decides.

    Raises:
        UserError: no log, or no rating is decided.
    """
    log = log_folder.read(workdir)
    decided = votes.decided_ratings(log, config)
    if not len(decided):
        raise UserError(f"{workdir}: {votes.nothing_decided(log, config)}.")
    ratings.write(output, decided)
    num_undecided = len(votes.of_log(log)) - len(votes.decided(log, config))
    lines = [f"{output}: {counted(len(decided), 'rating')} of {counted(len(log.raters), 'rater')}"]
    if num_undecided:
        lines.append(f"not decided, or of gold questions: {num_undecided}")
    measured = votes.agreement(votes.of_log(log, with_added=False))
    if measured.num_pairs:
        lines.append(
            f"agreement on {counted(measured.num_pairs, 'label')} that several raters have rated: "
            f"{measured.share:.1%}, Krippendorff's alpha {measured.alpha:.3f}"
        )
    for rater, score in votes.gold_scores(log).items():
        lines.append(f"gold questions of {rater}: {score.num_right} of {score.num_rated} right")
    return "\n".join(lines)
