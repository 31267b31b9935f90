"""What a run says of the clips that it learns from."""

import json

from audioset_triplet.runs import manifest


def write_folder(folder, names, splits):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"records")
    if splits is not None:
        card = {"splits": {name: {"used": 3, "clips_digest": digest} for name, digest in splits.items()}}
        (folder / "coverage.json").write_text(json.dumps(card))


def test_splits_that_are_read_as_a_whole_have_the_digest_of_their_card(tmp_path):
    shards = ["eval-00000-of-00001.tfrecord", *(f"a-b-0000{i}-of-00002.tfrecord" for i in (0, 1)), "old.tfrecord"]
    write_folder(tmp_path / "one", shards, {"a-b": "d1", "eval": "d2", "other": "d3"})
    write_folder(tmp_path / "two", ["eval-00000-of-00001.tfrecord"], {"eval": "d4"})
    write_folder(tmp_path / "three", ["eval-00000-of-00001.tfrecord"], None)
    write_folder(tmp_path / "four", ["eval-00000-of-00001.tfrecord"], {"another": "d5"})

    def digests(*patterns):
        return [(one["split"], one["clips"], one["clips_digest"]) for one in manifest.splits(",".join(patterns))]

    one, two = f"{tmp_path}/one", f"{tmp_path}/two"
    assert digests(f"{one}/*.tfrecord") == [("a-b", 3, "d1"), ("eval", 3, "d2")]
    assert digests(f"{one}/*-00000-of-*") == [("eval", 3, "d2")]  # of the other only a part is read
    assert digests(f"{one}/eval*", f"{two}/*.tfrecord") == [("eval", 3, "d2"), ("eval", 3, "d4")]
    assert digests(f"{tmp_path}/three/*", f"{tmp_path}/four/*.tfrecord", f"{one}/old*") == []
    (tmp_path / "two" / "coverage.json").write_text("[]")
    assert digests(f"{two}/*.tfrecord") == []


def test_a_restricted_run_names_its_own_clips(tmp_path):
    write_folder(tmp_path / "one", ["a.tfrecord"], None)
    described = manifest.describe(f"{tmp_path}/one/*", ["b", "a"])
    assert (described["clips"], described["files"]) == (2, 1)
    assert described["clips_digest"] == "7e18f737311b2dc3"  # printf 'a\\nb' | sha256sum
    assert "clips_digest" not in manifest.describe(f"{tmp_path}/one/*")
