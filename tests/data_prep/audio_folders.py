"""Folders of noises, and their clips as from `prepare_folder`."""

import soundfile

from audioset_triplet.media import audio_files
from audioset_triplet.media.pcm import to_pcm
from data_prep import audio_sources, folder
from data_prep.folder import FROM_FOLDERS, ClipRules
from data_prep.plan import ClipRequest
from tests.data_prep.packed import noise


def write_noises(root, lengths, rate_hz=16000):
    """Name -> seconds; every file holds a different noise."""
    for seed, (name, seconds) in enumerate(lengths.items()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, noise(seconds, rate_hz, seed=seed), rate_hz)
    return root


def request_for(path):
    return ClipRequest("g", audio_sources.of_file(path), path.name, path.name, 0.0, None, (), (), -1, clip_seconds=10.0)


def clips_of(source, labels=FROM_FOLDERS, **made):
    return folder.clips(str(source), labels, ClipRules(**made))


def pcm_of(path):
    return to_pcm(audio_files.load(path, sample_rate_hz=16000))
