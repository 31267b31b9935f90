import pytest

from tests import tiny_records


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Records to learn triplets from."""
    return tiny_records.write(tmp_path_factory.mktemp("records") / "clips.tfrecord", tiny_records.make_clips())
