import json
import os

import audioset_triplet
from audioset_triplet import results


def test_numbers_are_written_with_what_they_belong_to(tmp_path):
    results.write(str(tmp_path / "new" / "folder"), {"retrieval/map": 0.5}, model_id="m", seed=3)
    values = json.loads((tmp_path / "new" / "folder" / "results.json").read_text())
    assert values == {"retrieval/map": 0.5, "model_id": "m", "seed": 3, "code_version": audioset_triplet.__version__}
    assert os.listdir(tmp_path / "new" / "folder") == ["results.json"]
