"""Installs the library (`audioset_triplet`) and its programs (`data_prep`, `experiments`)."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent

# Read as text: importing the package is not possible before what it needs is installed.
VERSION = re.findall(r'^__version__ = "(.+)"$', (ROOT / "audioset_triplet" / "__init__.py").read_text(), re.M)[0]
VIDEO = ["av>=14.2,<19"]  # the first that says how a picture is turned; 19 has other types of times
BEAM = "apache-beam{}>=2.69,<2.78"

setup(
    name="audioset-triplet",
    version=VERSION,
    description="Unsupervised learning of semantic audio representations, on TensorFlow",
    license="Apache-2.0",
    python_requires=">=3.9,<3.12",
    packages=find_packages(
        include=["audioset_triplet", "audioset_triplet.*", "data_prep", "data_prep.*", "experiments", "experiments.*"]
    ),
    package_data={"": ["*.jinja", "templates/*.jinja"]},
    # Upper bounds everywhere: TensorFlow 2.15 is the newest line that tensorflow-io and tensorflow-addons also work
    # with, and it needs numpy 1. constraints.txt has the exact set that was tested.
    install_requires=[
        "absl-py>=1.4,<3",
        "google-crc32c>=1.5,<2",
        "jinja2>=3.1,<4",
        "joblib>=1.3,<2",
        "librosa>=0.10,<0.12",
        "matplotlib>=3.7,<4",
        "numpy>=1.23.5,<2",
        "pillow>=9.4,<14",
        "protobuf>=4.23,<5",
        "pyarrow>=14,<26",  # 26 needs numpy 2 and does not declare it
        "scikit-learn>=1.3,<2",
        "scipy>=1.10,<2",
        "soundfile>=0.12.1,<0.15",
        "soxr>=0.3.7,<2",
        "tensorflow>=2.15,<2.16",
        "tensorflow-addons==0.23.0",
        "tensorflow-io==0.36.0",
        "tqdm>=4.65,<5",
    ],
    extras_require={
        # TensorFlow's own CUDA libraries; the extra of 2.15.0 named packages that cannot be installed.
        "gpu": ["tensorflow[and-cuda]>=2.15.1,<2.16"],
        # For the programs of data_prep/: Apache Beam, packs in HDF5, sound tracks of downloads (mp4, webm, mkv, m4a).
        "data_prep": [BEAM.format(""), "h5py>=3.1,<4", *VIDEO],
        # Beam's runner on a Dask cluster.
        "dask": [BEAM.format("[dask]")],
        # For embedding sound tracks.
        "video": VIDEO,
        # LiteRT's interpreter for TFLite files, which `tf.lite` leads to; without it TensorFlow's own runs them.
        "litert": ["ai-edge-litert>=1.0.1,<3"],
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
