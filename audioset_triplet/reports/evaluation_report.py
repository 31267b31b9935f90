"""The report of a task of experiments.evaluate: its headline, and its page."""

from audioset_triplet.evaluation.comparisons import (
    Comparison,
    ProtocolComparison,
    RetrievalComparison,
    ScoreComparison,
)
from audioset_triplet.reports import excerpts, protocol_page, score_pages
from audioset_triplet.reports.page import Report


def check_inputs(data: str, saved_model: str = "") -> None:
    """Raises a UserError about missing records or a model without filters, which a page would raise in the end."""
    excerpts.check(data)
    if saved_model:
        from audioset_triplet.reports import images

        images.first_filters(saved_model)


def build(comparison: Comparison, data: str = "", saved_model: str = "") -> Report:
    """The report of a comparison.

    Args:
        comparison: what `comparisons.compare` returns.
        data: TFRecords of the clips, for spectrograms and audio (retrieval); empty: none.
        saved_model: the model, for its first-layer filters (retrieval); empty: none.

    Raises:
        UserError: what `waveforms.waveforms` and `images.first_filters` raise.
    """
    if isinstance(comparison, ProtocolComparison):
        return protocol_page.report(comparison)
    if isinstance(comparison, RetrievalComparison):
        from audioset_triplet.reports import retrieval_page  # here: TensorFlow takes seconds to load

        return retrieval_page.report(comparison, data, saved_model)
    if isinstance(comparison, ScoreComparison):
        return score_pages.report(comparison)
    return score_pages.semi_supervised_report(comparison)
