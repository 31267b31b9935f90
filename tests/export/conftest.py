"""What tests of embedding share, made once: models of this project and of others."""

import pytest

from audioset_triplet.export import loaded_model, saved_model, saved_model_function, tflite_function
from audioset_triplet.frontend import registry
from tests import foreign_models
from tests.foreign_models import PATCH_SAMPLES
from tests.tiny_network import build_tiny_network


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A SavedModel of this project."""
    path = str(tmp_path_factory.mktemp("models") / "tiny")
    saved_model.export(build_tiny_network(), path, registry.FRONT_ENDS["log_mel"], {})
    return path


@pytest.fixture(scope="session")
def model(folder):
    return loaded_model.ExportedModel(folder)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="session")
def yamnet(root):
    return foreign_models.YAMNet(root / "yamnet_class_map.csv")


@pytest.fixture(scope="session")
def yamnet_folder(root, yamnet):
    return foreign_models.save(root / "yamnet", yamnet)


@pytest.fixture(scope="session")
def scores_file(root, yamnet):
    """As the public file: exactly 15,600 samples, scores alone."""
    return foreign_models.convert(root / "scores.tflite", lambda waveform: yamnet(waveform)[0], PATCH_SAMPLES)


@pytest.fixture
def calls(monkeypatch):
    """The shapes with which SavedModels and TFLite files are called."""
    shapes = []
    for function in (saved_model_function.SavedModelFunction, tflite_function.TFLiteFunction):

        def run(self, waveforms, inner=function.run):
            shapes.append(waveforms.shape)
            return inner(self, waveforms)

        monkeypatch.setattr(function, "run", run)
    return shapes
