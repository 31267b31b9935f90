"""The constants of the front end, used by preparation, training and export alike.

Source: the VGGish front end (tensorflow/models, research/audioset/vggish), by the group that wrote the papers; 96
frames by 64 bands is also on the slides of Jansen et al. 2018.
"""

SAMPLE_RATE_HZ = 16000
FRAME_SAMPLES = 400  # 25 ms
FRAME_HOP_SAMPLES = 160  # 10 ms
FFT_SAMPLES = 512
NUM_BINS = FFT_SAMPLES // 2 + 1
NUM_BANDS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
LOG_OFFSET = 0.01

WINDOW_FRAMES = 96
WINDOW_HOP_SAMPLES = WINDOW_FRAMES * FRAME_HOP_SAMPLES  # windows do not overlap: 0.96 s
WINDOW_SAMPLES = WINDOW_HOP_SAMPLES + FRAME_SAMPLES - FRAME_HOP_SAMPLES  # what 96 frames cover: 15600
WINDOW_HOP_SECONDS = WINDOW_HOP_SAMPLES / SAMPLE_RATE_HZ

# Named in every embedding, so that vectors of two front ends are never compared.
FRONT_END_ID = (
    f"logmel-{SAMPLE_RATE_HZ}-{FRAME_SAMPLES}-{FRAME_HOP_SAMPLES}-{FFT_SAMPLES}-{NUM_BANDS}"
    f"-{LOWEST_HZ:g}-{HIGHEST_HZ:g}-{LOG_OFFSET:g}-{WINDOW_FRAMES}"
)

# int16 full scale; exact in float32.
PCM_SCALE = 32768.0
