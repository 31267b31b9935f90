import json

import pytest

from tests import tiny_records


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Records to learn triplets from, with what their copy card says of them."""
    folder = tmp_path_factory.mktemp("records")
    card = {"splits": {"all": {"used": 16, "clips_digest": "0123456789abcdef"}}}
    (folder / "coverage.json").write_text(json.dumps(card))
    return tiny_records.write(folder / "all-00000-of-00001.tfrecord", tiny_records.make_clips())
