"""How audio is embedded."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class EmbeddingModelConfig(Config):
    """Which model embeds."""

    model: str = option("", "SavedModel from experiments.export_model.")
