"""What a classifier's windows go through on their way to features: mixup, shifts in frequency, masks of SpecAugment."""

from typing import Tuple

import tensorflow as tf

from audioset_triplet.config.classifier import AugmentationConfig
from audioset_triplet.config.options import require
from audioset_triplet.frontend.front_end import FrontEnd
from audioset_triplet.sampling import draws, mixup, positives, spec_augment


def require_fitting(config: AugmentationConfig, front_end: FrontEnd) -> None:
    """Raises a UserError where a mask may be larger than a window, or a shift as large."""
    fits = config.shift_bands < front_end.num_bands
    require(fits, f"--shift_bands must be below the {front_end.num_bands} bands of --front_end.")
    for flag, is_used, num_in_window in (
        ("time_mask_frames", config.time_masks, front_end.num_frames),
        ("band_mask_bands", config.band_masks, front_end.num_bands),
    ):
        fits = not is_used or getattr(config, flag) <= num_in_window
        require(fits, f"--{flag} must be at most {num_in_window}, which is a window of --front_end.")


def augment(
    waveforms: tf.Tensor, targets: tf.Tensor, front_end: FrontEnd, config: AugmentationConfig, seed: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The features of augmented windows, float32 [B, *feature_shape], and their targets.

    Args:
        waveforms: float32 [B, S], or [B, S, A] of several channels, in [-1, 1], B static.
        targets: float32 [B, C].
        front_end: of the features.
        config: what is done; by default nothing.
        seed: int [2]; the same seed gives the same features.
    """
    share_seed, order_seed, shift_seed, time_seed, band_seed = draws.split(seed, 5)
    if config.mixup_alpha:
        shares = mixup.draw_shares(waveforms.shape[0], config.mixup_alpha, config.mixup_share, share_seed)
        waveforms, targets = mixup.mix(waveforms, targets, shares, order_seed)
    energies = front_end.energies(waveforms)
    if config.shift_bands:
        # In frequency alone: in time windows differ by where they were drawn.
        _, bands = positives.draw_shifts(waveforms.shape[0], front_end.num_frames, config.shift_bands, shift_seed)
        energies = positives.translate(energies, tf.zeros_like(bands), bands)
    spectrograms = front_end.compress(energies)
    if config.time_masks:
        spectrograms = spec_augment.mask(spectrograms, config.time_masks, config.time_mask_frames, -2, time_seed)
    if config.band_masks:
        spectrograms = spec_augment.mask(spectrograms, config.band_masks, config.band_mask_bands, -1, band_seed)
    return front_end.arrange(spectrograms), targets
