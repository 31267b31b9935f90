"""What silence is. It stands alone, so that a program on a device has it without TensorFlow."""

# Mean square of a silent window at most, relative to full scale: -60 dB. On ESC-50 98% of the windows fall on the same
# side of it as of a mean log-mel of -4.2, near the floor of the front end.
MOST_MEAN_SQUARE = 1e-6
