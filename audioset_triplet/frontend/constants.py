"""What modules that do not yet take a front end read."""

SAMPLE_RATE_HZ = 16000
PCM_SCALE = 32768.0
