"""Results of cells with made-up numbers."""

from audioset_triplet.evaluation.table import Cell, CellResult, Row

ROWS = (
    Row("log_mel", "log-mel", has_seed=False),
    Row("joint", "joint", steps=4000),
    Row("topline", "topline"),
    Row("log_mel_fc4", "log-mel, FC 4×512", tasks=("classification", "semi_supervised"), has_seed=False),
    Row("contrastive", "contrastive <&>", beyond_paper=True),
)


def make_result(row, task, values, split="fold4", seed=0, classes=None, digest="d"):
    seed = None if row.startswith("log_mel") else seed
    return CellResult(
        cell=Cell(split, seed, row, task),
        values={"map": values} if isinstance(values, list) else values,
        class_average_precision=classes or {},
        num_clips=80,
        clips_digest=digest,
        seconds=10.0,
        made={"date": "2026-01-02 03:04 UTC", "machine": "a machine", "versions": "TensorFlow 2.15"},
    )
