"""The record of a model inside its TFLite or ONNX file: the file alone can be moved, and still says what it is.

A TFLite file is followed by a ZIP archive, as that of TensorFlow's metadata library, with model.json and, for a
classifier, labels.txt: `unzip -p model.tflite labels.txt`. An ONNX file has model.json among its metadata. A TFLite
file also names its project and the digest of all bytes before the archive, so that a damaged file is no other model.
"""

import contextlib
import hashlib
import io
import json
import os
import zipfile
from typing import Any, Dict, Mapping, Optional

from audioset_triplet.errors import UserError
from audioset_triplet.export import model_folder

LABELS = "labels.txt"  # in the archive: the names of the scores, one a line
_MARK = "audioset-triplet"  # how the description of a TFLite file begins
_DIGEST = "sha256"
_ADVICE = "the file is damaged; get it again, or export it again"


def add_to_tflite(content: bytes, record: Mapping[str, Any]) -> bytes:
    """A TFLite model with its record behind it."""
    from tensorflow.lite.tools import flatbuffer_utils  # here: on a device there is no TensorFlow

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    model.description = f"{_MARK} {record['model_id']}"
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    whole = io.BytesIO()
    whole.write(content)
    texts = {model_folder.RECORD: json.dumps({**record, _DIGEST: hashlib.sha256(content).hexdigest()}, indent=2)}
    if "classes" in record:
        texts[LABELS] = "".join(" ".join(name.split()) + "\n" for name in record["classes"].values())
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # whose date is fixed: the same model, the same bytes
    return whole.getvalue()


def add_to_onnx(content: bytes, record: Mapping[str, Any]) -> bytes:
    """An ONNX model with its record among the metadata."""
    import onnx  # of the extra, which the conversion has had

    model = onnx.load_from_string(content)
    entry = model.metadata_props.add()
    entry.key, entry.value = model_folder.RECORD, json.dumps(record)
    return bytes(model.SerializeToString())


def of_tflite(path: str) -> Optional[Dict[str, Any]]:
    """The record of a TFLite file; None: it is not of this project.

    Raises:
        UserError: it is, and is damaged.
    """
    with open(path, "rb") as file:
        content = file.read()
    from tensorflow.lite.tools import flatbuffer_utils

    description = None
    with contextlib.suppress(Exception):  # of flatbuffers, NumPy or struct: of no TFLite file, or a damaged one
        description = flatbuffer_utils.schema_fb.Model.GetRootAs(content, 0).Description()
    return of_archive(path, content) if (description or b"").startswith(_MARK.encode()) else None


def of_archive(path: str, content: bytes) -> Dict[str, Any]:
    """The record behind a TFLite model of this project, given all bytes of the file; a UserError where it is damaged.

    It does without TensorFlow.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record = json.loads(archive.read(model_folder.RECORD))
            length = min(item.header_offset for item in archive.infolist())
            digest = record.pop(_DIGEST)
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: {_ADVICE} ({error}).") from error
    if hashlib.sha256(content[:length]).hexdigest() != digest:
        raise UserError(f"{path}: {_ADVICE}.")
    return dict(record)


def of_onnx(path: str, metadata: Mapping[str, str]) -> Dict[str, Any]:
    """The record of an ONNX file, given its metadata.

    Raises:
        UserError: it is not of this project, or is damaged.
    """
    if model_folder.RECORD not in metadata:
        raise UserError(
            f"{path} is not from experiments.export_model: of ONNX files it alone says which waveforms it takes. "
            "SavedModels and TFLite files of others can be used."
        )
    try:
        return dict(json.loads(metadata[model_folder.RECORD]))
    except ValueError as error:
        raise UserError(f"{path}: {_ADVICE} ({error}).") from error


def is_onnx(path: str) -> bool:
    """Whether a file is taken for ONNX, whose bytes begin with no mark: by its name."""
    return os.path.splitext(path)[1].lower() == ".onnx"
