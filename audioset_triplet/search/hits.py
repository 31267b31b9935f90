"""The hits of a search on disk: hits.parquet and hits.csv, a row for each, by query and rank.

query, rank, clip_id, start_seconds, cosine, labels (Parquet: class indices), label_names (CSV: joined by `; `)
"""

import csv
import io
import os
from typing import List, Sequence

import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.search.queries import Query
from audioset_triplet.store import parquet


def write(folder: str, hits: pa.Table, queries: Sequence[Query]) -> List[str]:
    """Writes both files; returns their paths.

    Args:
        folder: where; made if it is missing.
        hits: of `exact.search`.
        queries: what was searched for.
    """
    os.makedirs(folder, exist_ok=True)
    texts = pa.array([queries[index].text for index in hits["query"].to_pylist()], pa.string())
    hits = hits.set_column(0, "query", texts)
    names = ["start_seconds" if name == "window_start_seconds" else name for name in hits.column_names]
    hits = hits.rename_columns(names)
    paths = [os.path.join(folder, name) for name in ("hits.parquet", "hits.csv")]
    with files.atomic_path(paths[0]) as temporary:
        parquet.write(hits, temporary)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow([name for name in hits.column_names if name != "labels"])
    for row in hits.drop_columns(["labels"]).to_pylist():
        start, cosine = f"{row['start_seconds']:.2f}", f"{row['cosine']:.6f}"
        rows.writerow([row["query"], row["rank"], row["clip_id"], start, cosine, "; ".join(row["label_names"])])
    files.write_text(paths[1], table.getvalue())
    return paths
