"""How a run begins in its directory, and how it goes on there."""

from typing import Any, Mapping

from audioset_triplet.config.training import RunConfig
from audioset_triplet.runs import manifest, run_config


def require_same(workdir: str, config: RunConfig, learned_from: Mapping[str, Any]) -> None:
    """Raises a UserError if the directory holds a run with other settings, or one that learns from something else.

    Args:
        workdir: the directory; it may be missing.
        config: the settings.
        learned_from: the data manifest.
    """
    if run_config.has_begun(workdir):
        run_config.require_same(workdir, config)
        manifest.require_same(workdir, learned_from)


def begin(workdir: str, config: RunConfig, learned_from: Mapping[str, Any]) -> None:
    """Writes what `require_same` compares: config.json last, which says that a run has begun."""
    manifest.write(workdir, learned_from)
    run_config.write(workdir, config)
