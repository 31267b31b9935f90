"""What the evaluations can be told."""

import dataclasses

from audioset_triplet.config.options import Config, option


@dataclasses.dataclass(frozen=True)
class HeadConfig(Config):
    """The fully connected classifier on frozen embeddings (Jansen et al. 2018, section 4: one layer of 512 units)."""

    hidden_layers: int = option(
        1, "Hidden layers of the classifier; the paper's comparison on log-mel has 4.", at_least=0
    )
    hidden_units: int = option(512, "Units of each hidden layer of the classifier.", at_least=1)
    head_epochs: int = option(
        30, "Epochs of the classifier's training over its windows; of millions one is enough.", at_least=1
    )
    head_min_steps: int = option(
        300, "Training steps of the classifier at least, however few windows there are.", at_least=1
    )
    head_batch_size: int = option(128, "Windows per training step of the classifier.", at_least=1)
    head_learning_rate: float = option(
        1e-3, "Learning rate of the classifier (Adam) at the start; falls to 0.", above=0
    )
    head_dropout: float = option(0.5, "Dropout after the last hidden layer of the classifier.", at_least=0, below=1)
