"""Published settings: a function for each, with the source of every value."""

import dataclasses
from typing import Callable, Dict

from audioset_triplet.config.classifier import AugmentationConfig, ClassifierConfig, ClassifierLossConfig
from audioset_triplet.config.clustering import ClusteringConfig
from audioset_triplet.config.coincidence import CoincidenceConfig, CoincidenceTermsConfig, ImageConfig
from audioset_triplet.config.instances import InstanceConfig, InstanceLossConfig
from audioset_triplet.config.network import (
    RESNETS,
    ClassifierNetworkConfig,
    EmbeddingNetworkConfig,
    ResNetConfig,
    VectorConfig,
)
from audioset_triplet.config.options import Config
from audioset_triplet.config.training import TrainingConfig
from audioset_triplet.config.triplet import LossConfig, SamplingConfig, TripletConfig
from audioset_triplet.config.waveforms import WaveformConfig


def jansen2018() -> TripletConfig:
    """Jansen et al. 2018, "Unsupervised Learning of Semantic Audio Representations", joint model.

    The authors' slides give the network, the embedding size and equal shares of the four methods; others who read the
    paper report the margin and semi-hard mining (section 4.2). Neither gives the optimizer, the batch size and the
    learning rate: Adam and 128 are those of Hershey et al. 2017, section 3 (same group), 1e-4 is the rate of the VGGish
    trainer. The number of steps is a choice: 10 epochs of two million clips.
    """
    return TripletConfig(
        sampling=SamplingConfig(
            method="joint", noise_sigma=0.5, shift_bands=10, mixing_alpha=0.25, proximity_seconds=10.0
        ),
        network=EmbeddingNetworkConfig(width=1.0, resnet=ResNetConfig(stem_stride=1), embedding_size=128),
        loss=LossConfig(margin=0.1, negatives="semi_hard"),
        training=TrainingConfig(batch_size=128, steps=156_000, learning_rate=1e-4, checkpoint_every_steps=1000),
    )


def small() -> TripletConfig:
    """The same method on small machines, for a data set of a thousand clips: under half as many examples as `esc50`.

    Not published elsewhere: a quarter of the channels and half the resolution after the stem, chosen for speed; batch
    64, Adam 1e-3 with cosine decay and 1500 steps.
    """
    return TripletConfig(
        network=EmbeddingNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2)),
        training=TrainingConfig(batch_size=64, steps=1500, learning_rate=1e-3, schedule="cosine"),
    )


def demo() -> TripletConfig:
    """`make demo`: the method on 384 synthetic clips, in about two minutes on two CPU cores.

    Not published elsewhere: one block in each stage of the network, augmentation as in `esc50`. Chosen on synthetic
    worlds of other seeds than the demo's.
    """
    return TripletConfig(
        sampling=SamplingConfig(shift_bands=8, mixing_alpha=0.5),
        network=EmbeddingNetworkConfig(width=0.5, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1))),
        training=TrainingConfig(batch_size=64, steps=500, learning_rate=1e-3, schedule="cosine"),
    )


def esc50() -> TripletConfig:
    """The method on 1,200 clips of five seconds (ESC-50, three folds), in about 35 minutes on one CPU core.

    Not published elsewhere: the network of `demo`, and the mean of the weights of the second half; these and the other
    values are from trials on another fold (experiments/results/ablations.md) than that of the results
    (experiments/results/jansen2018-esc50.md). The temperature is for `contrastive`.
    """
    return TripletConfig(
        sampling=SamplingConfig(shift_bands=10, mixing_alpha=0.5),
        network=EmbeddingNetworkConfig(width=0.5, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1))),
        loss=LossConfig(margin=0.3, temperature=0.15),
        training=TrainingConfig(batch_size=32, steps=7000, learning_rate=2e-3, schedule="cosine", average_from=0.5),
    )


def jansen2020() -> CoincidenceConfig:
    """Jansen et al. 2020, "Coincidence, Categorization, and Consolidation", one stage.

    The authors' slides give the two ResNet-50s, 128 dimensions, all pairs of the batch and a million clusters. Batch
    size, optimizer, learning rate, steps, dT, the prediction network, the size of images and gamma are not published:
    they are as in `jansen2018`, or the defaults.
    """
    return CoincidenceConfig(
        image=ImageConfig(image_size=128, image_stem_stride=2),
        clustering=ClusteringConfig(num_clusters=1_000_000),
        network=EmbeddingNetworkConfig(width=1.0, resnet=ResNetConfig(stem_stride=1), embedding_size=128),
        training=TrainingConfig(batch_size=128, steps=156_000, learning_rate=1e-4, checkpoint_every_steps=1000),
    )


def small_coincidence() -> CoincidenceConfig:
    """The same curriculum on two CPU cores, for some thousand videos: a stage takes about a quarter of an hour.

    Not published elsewhere: ResNets of one block in each stage, small images, a few hundred clusters
    (experiments/results/coincidence.md).
    """
    return CoincidenceConfig(
        image=ImageConfig(image_size=64, image_stem_stride=2),
        terms=CoincidenceTermsConfig(coincidence_units=256),
        clustering=ClusteringConfig(num_clusters=256),
        network=EmbeddingNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1))),
        training=TrainingConfig(batch_size=64, steps=1500, learning_rate=2e-3, warmup_steps=50, schedule="cosine"),
    )


def topline(base: TripletConfig) -> TripletConfig:
    """The supervised topline of Jansen et al. 2018, section 4: triplets by labels."""
    return dataclasses.replace(base, sampling=dataclasses.replace(base.sampling, method="labels"))


def contrastive(base: TripletConfig) -> TripletConfig:
    """Beyond the paper: its four methods and filters at once on both windows of a pair, and recordings as classes.

    The classes are those of Cao et al. 2020 (PIC), told apart by a softmax over all recordings. A distractor is as loud
    as the window at most, and part of the target. Exported embeddings have several layers, and are whitened.
    """
    network = base.network
    sampling = dataclasses.replace(
        base.sampling, method="joint", combination="composed", mixing_alpha=1.0, filter_db=6.0, level_db=9.0
    )
    layers = ("stage2", "stage3", "features") if network.architecture in RESNETS else ("features",)
    vectors = VectorConfig(layers=("embedding", *layers), whitening=0.6)
    return dataclasses.replace(
        base,
        sampling=sampling,
        network=dataclasses.replace(network, vectors=vectors),
        loss=dataclasses.replace(base.loss, loss="instances", negatives="semi_hard"),
    )


def from_scratch(base: TripletConfig) -> ClassifierConfig:
    """The comparison "log-mel, ResNet-50 trained from scratch" of Jansen et al. 2018, with the training of `base`."""
    return ClassifierConfig(
        data=base.data,
        network=ClassifierNetworkConfig(width=base.network.width, resnet=base.network.resnet),
        training=base.training,
    )


def esc50_contrastive() -> TripletConfig:
    """The best embedding without labels of such clips: `contrastive` with the network and the training of `esc50`.

    Not published elsewhere; its results are on the same page.
    """
    return contrastive(esc50())


def esc50_classifier() -> ClassifierConfig:
    """A classifier from scratch on 1,200 clips of five seconds (ESC-50, three folds), in 40 minutes on one CPU core.

    Not published elsewhere: the network of `demo`, with mixup of waveforms (alpha of PANNs), shifts in frequency as
    large as in `jansen2018`, and the mean of the weights of the second half. Chosen on another fold
    (experiments/results/ablations.md) than that of the results
    (experiments/results/classifiers-esc50.md).
    """
    return ClassifierConfig(
        augmentation=AugmentationConfig(mixup_alpha=1.0, shift_bands=10),
        network=ClassifierNetworkConfig(width=0.5, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1))),
        training=TrainingConfig(batch_size=32, steps=12_000, learning_rate=2e-3, schedule="cosine", average_from=0.5),
    )


def guzhov2020() -> ClassifierConfig:
    """ESResNet with attention from scratch, Guzhov et al. 2020, on ESC-50: 300 epochs of four folds, 1,600 clips.

    From the released code (AndreyGuzhov/ESResNet, protocols and utils/): clips of five seconds at 44.1 kHz, softmax,
    batch 16, Adam at 2.5e-4, which after 15 epochs falls to .985 of it in each, weight decay 5e-4, time scale 1.25,
    padding by edge values and crop at random; its flip changes nothing in mono. An epoch has 100 steps; of ESC-10 it
    has 20: a fifth of --steps and --warmup_steps. UrbanSound8K takes --front_end=three_band-4s.

    Departures, for which there are no settings: the rate rises from 0 in 15 epochs, where theirs is a tenth for 5 and
    rises in the next 10, and falls in each step, not each epoch; the decay is decoupled from the gradient and leaves
    out biases and normalization; epsilon is 1e-7, not 1e-8; a crop may be of a quiet part; the last weights are
    evaluated, not those of the best epoch on the test fold. Others report 83% on ESC-50, which is not verified.
    """
    return ClassifierConfig(
        waveforms=WaveformConfig(time_scale=1.25, random_padding=True),
        loss=ClassifierLossConfig(loss="softmax"),
        network=ClassifierNetworkConfig(front_end="three_band", architecture="esresnet_attention"),
        training=TrainingConfig(
            batch_size=16,
            steps=30_000,
            learning_rate=2.5e-4,
            schedule="exponential",
            final_share=0.985**285,
            warmup_steps=1500,
            weight_decay=5e-4,
            checkpoint_every_steps=1000,
        ),
    )


def small_classifier() -> ClassifierConfig:
    """`from_scratch` with the training of `small`: a quarter of the channels, batch 64, Adam 1e-3 with cosine decay.

    Not published elsewhere.
    """
    return from_scratch(small())


def small_instances() -> InstanceConfig:
    """Instance discrimination on small machines: the objective of Hornauer et al. 2021, the network of `small`.

    Published: batch 64, temperature 0.4, SGD; 64 negatives, or all (equation 1), which cost nothing at this size and
    are taken here. From Wu et al. 2018 (NPID), which Hornauer et al. follow: rate 0.03, momentum 0.9, drops after 60
    and 80% of the steps, momentum 0.5 of the bank, weight decay 1e-4 inside of the gradient, which is 1e-3 = 1e-4 /
    (1 - 0.9) decoupled from it. From ESResNet: time scale 1.25, padding by edge values; its flip is inversion in time
    here. 3,750 steps are 200 epochs of 1,200 clips.
    """
    return InstanceConfig(
        waveforms=WaveformConfig(time_scale=1.25, random_padding=True, reversed_share=0.5),
        loss=InstanceLossConfig(temperature=0.4, num_negatives=0, bank_momentum=0.5),
        network=EmbeddingNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2)),
        training=TrainingConfig(
            batch_size=64,
            steps=3750,
            optimizer="sgd",
            learning_rate=0.03,
            momentum=0.9,
            weight_decay=1e-3,
            schedule="step",
            drops=(0.6, 0.8),
        ),
    )


@dataclasses.dataclass(frozen=True)
class TwoStages(Config):
    """How networks are pre-trained without labels, and then fine-tuned with them."""

    pretraining: InstanceConfig
    finetuning: ClassifierConfig  # its windows and network are those of pre-training too


def hornauer2021() -> TwoStages:
    """Hornauer et al. 2021, "Unsupervised Discriminative Learning of Sounds for Audio Event Classification".

    Published: ESResNet with attention at 44.1 kHz, embeddings of 128 numbers, NCE with 64 negatives, temperature 0.4,
    batch 64, 200 epochs with SGD, no validation set. 34,163 steps are 200 epochs of the 10,932 clips of ESC-50,
    UrbanSound8K and DCASE 2013. Not published: the other values of pre-training, which are those of Wu et al. 2018 as
    in `small_instances`; and fine-tuning, which is that of `guzhov2020` without its warm-up. Windows of five seconds,
    mono: how the paper mixes clips of 4, 5 and 30 s is not said.
    """
    instances, classifier = small_instances(), guzhov2020()
    return TwoStages(
        dataclasses.replace(
            instances,
            loss=dataclasses.replace(instances.loss, num_negatives=64),
            training=dataclasses.replace(instances.training, steps=34_163),
        ),
        dataclasses.replace(
            classifier,
            waveforms=instances.waveforms,
            training=dataclasses.replace(classifier.training, warmup_steps=0),
        ),
    )


def small_hornauer2021() -> TwoStages:
    """The same on two CPU cores: log-mel windows, and a ResNet of a quarter of the channels and a block in each stage.

    Not published elsewhere; chosen on fold 3 of ESC-10 (experiments/results/ablations.md).
    """
    instances = small_instances()
    network = ClassifierNetworkConfig(width=0.25, resnet=ResNetConfig(stem_stride=2, blocks=(1, 1, 1, 1)))
    return TwoStages(
        dataclasses.replace(instances, training=dataclasses.replace(instances.training, steps=700, learning_rate=0.1)),
        ClassifierConfig(
            waveforms=instances.waveforms,
            network=network,
            training=TrainingConfig(batch_size=16, learning_rate=1e-3, schedule="cosine"),
        ),
    )


PRESETS: Dict[str, Callable[[], TripletConfig]] = {
    "demo": demo,
    "esc50": esc50,
    "esc50_contrastive": esc50_contrastive,
    "jansen2018": jansen2018,
    "small": small,
}
CLASSIFIER_PRESETS: Dict[str, Callable[[], ClassifierConfig]] = {
    "esc50_classifier": esc50_classifier,
    "guzhov2020": guzhov2020,
    "small_classifier": small_classifier,
}
COINCIDENCE_PRESETS: Dict[str, Callable[[], CoincidenceConfig]] = {
    "jansen2020": jansen2020,
    "small_coincidence": small_coincidence,
}
INSTANCE_PRESETS: Dict[str, Callable[[], InstanceConfig]] = {"small_instances": small_instances}
TWO_STAGE_PRESETS: Dict[str, Callable[[], TwoStages]] = {
    "hornauer2021": hornauer2021,
    "small_hornauer2021": small_hornauer2021,
}
