"""Installs the library (`audioset_triplet`) and its programs (`data_prep`, `experiments`)."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent

# Read as text: importing the package is not possible before what it needs is installed.
VERSION = re.findall(r'^__version__ = "(.+)"$', (ROOT / "audioset_triplet" / "__init__.py").read_text(), re.M)[0]
# Two lanes: the newest TensorFlow that tensorflow-io and tensorflow-addons work with, which is for Python 3.9 to 3.11;
# for later Pythons the newest TensorFlow, with Keras 2. `audioset_triplet/compat.py` has what differs.
REFERENCE, CURRENT = ' ; python_version < "3.12"', ' ; python_version >= "3.12"'
VIDEO = ["av>=14.2,<19"]  # the first that says how a picture is turned; 19 has other types of times
BEAM = "apache-beam{}>=2.69,<2.78"

setup(
    name="audioset-triplet",
    version=VERSION,
    description="Unsupervised learning of semantic audio representations, on TensorFlow",
    license="Apache-2.0",
    python_requires=">=3.9,<3.14",  # TensorFlow has no release for later ones
    packages=find_packages(
        include=["audioset_triplet", "audioset_triplet.*", "data_prep", "data_prep.*", "experiments", "experiments.*"]
    ),
    package_data={"": ["*.jinja", "templates/*.jinja", "static/*"]},
    # Upper bounds everywhere; constraints.txt and constraints-current.txt have the exact sets that were tested.
    install_requires=[
        "absl-py>=1.4,<3",
        "google-crc32c>=1.5,<2",
        "h5py>=3.1,<4" + REFERENCE,
        "h5py>=3.11,<3.15" + CURRENT,  # TensorFlow 2.21 needs one before 3.15
        "jinja2>=3.1,<4",
        "joblib>=1.3,<2",
        "librosa>=0.10,<0.12",
        "matplotlib>=3.7,<4",
        "numpy>=1.23.5,<2" + REFERENCE,
        "numpy>=2.1,<3" + CURRENT,
        "pillow>=9.4,<14",
        "protobuf>=4.23,<5" + REFERENCE,
        "protobuf>=6.31.1,<7" + CURRENT,
        "pyarrow>=14,<26" + REFERENCE,  # 26 needs numpy 2 and does not declare it
        "pyarrow>=18,<26" + CURRENT,
        "scikit-learn>=1.3,<2",
        "scipy>=1.10,<2",
        "soundfile>=0.12.1,<0.15",
        "soxr>=0.3.7,<2",
        "tensorboard>=2.15,<2.16" + REFERENCE,
        "tensorboard>=2.20,<2.22" + CURRENT,  # `tf.summary` writes with it; TensorFlow 2.21 does not ask for it
        "tensorflow>=2.15,<2.16" + REFERENCE,
        "tensorflow>=2.21,<2.22" + CURRENT,
        "tensorflow-addons==0.23.0" + REFERENCE,
        "tensorflow-io==0.36.0" + REFERENCE,
        "tf-keras>=2.21,<2.22" + CURRENT,  # of the minor version of TensorFlow
        "threadpoolctl>=3.1,<4",
        "tqdm>=4.65,<5",
        "werkzeug>=3.0.3,<4",
    ],
    extras_require={
        # TensorFlow's own CUDA libraries; the extra of 2.15.0 named packages that cannot be installed.
        "gpu": [
            "tensorflow[and-cuda]>=2.15.1,<2.16" + REFERENCE,
            "tensorflow[and-cuda]>=2.21,<2.22" + CURRENT,
        ],
        # For the programs of data_prep/: Apache Beam, packs in HDF5, sound tracks of downloads (mp4, webm, mkv, m4a).
        "data_prep": [BEAM.format(""), *VIDEO],
        # Beam's runner on a Dask cluster.
        "dask": [BEAM.format("[dask]")],
        # For embedding sound tracks.
        "video": VIDEO,
        # LiteRT's interpreter for TFLite files, which `tf.lite` leads to; without it TensorFlow's own runs them.
        "litert": ["ai-edge-litert>=1.0.1,<3"],
        # Models in ONNX. onnx 1.19 needs newer ml-dtypes than TensorFlow 2.15 has; tf2onnx for Python 3.9 is bound to
        # protobuf 3.
        "onnx": [
            'onnx>=1.17,<1.19 ; python_version >= "3.10" and python_version < "3.12"',
            "onnx>=1.19,<1.24" + CURRENT,
            'onnxruntime>=1.20,<2 ; python_version >= "3.10"',
            'tf2onnx>=1.17,<1.18 ; python_version >= "3.10"',
        ],
        # Another search of embeddings (`--index`).
        "faiss": ["faiss-cpu>=1.9,<1.16"],
        "test": [
            "hypothesis>=6.80,<7",
            "packaging>=23,<27",
            "pytest>=7.4,<10",
            "pytest-timeout>=2.1,<3",
            "pytest-xdist>=3.7,<4",
        ],
        "lint": ["mypy>=1.8,<3", "ruff>=0.5,<0.18"],
    },
)
