"""A triplet run that takes seconds, and what a run leaves."""

import tensorflow as tf

from audioset_triplet.config import DataConfig, ModelConfig, SamplingConfig, TrainingConfig, TripletConfig


def tiny_config(data, method="joint", **training):
    options = dict(batch_size=8, steps=4, log_every_steps=2, checkpoint_every_steps=2)
    return TripletConfig(
        data=DataConfig(data=data),
        sampling=SamplingConfig(method=method),
        model=ModelConfig(width=0.0625, stem_stride=2, embedding_size=8),
        training=TrainingConfig(**{**options, **training}),
    )


def saved_weights(workdir):
    """Name -> values, of all that the newest checkpoint holds of network and optimizer."""
    reader = tf.train.load_checkpoint(str(workdir / "checkpoints"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith(("network", "optimizer"))]
    assert len(names) > 100
    return {name: reader.get_tensor(name) for name in names}
