"""The hits of a search on disk: hits.parquet and hits.csv, a row for each, by query and rank.

query, rank, clip_id, start_seconds, cosine, labels (Parquet: class indices), label_names (CSV: joined by `; `)
"""

import csv
import io
import os
from typing import List, Sequence

import pyarrow as pa

from audioset_triplet import files, tables
from audioset_triplet.errors import UserError
from audioset_triplet.search import windows
from audioset_triplet.search.queries import Query
from audioset_triplet.store import parquet


def write(folder: str, hits: pa.Table, queries: Sequence[Query]) -> List[str]:
    """Writes both files; returns their paths.

    Args:
        folder: where; made if it is missing.
        hits: of `Index.search`.
        queries: what was searched for.

    Raises:
        UserError: there is no hit.
    """
    if not hits.num_rows:
        raise UserError("no hit: beside the clips of the queries, the filters leave no window to be searched.")
    os.makedirs(folder, exist_ok=True)
    indices = hits["query"].to_numpy()
    columns = {
        "query": pa.array([queries[index].text for index in indices], pa.string()),
        "rank": pa.array(1 + windows.ranks_within(indices), pa.int32()),
        "clip_id": hits["clip_id"],
        "start_seconds": hits[windows.START],
        "cosine": hits["score"],
        "labels": hits["labels"],
        "label_names": hits["label_names"],
    }
    table = pa.table(columns)
    paths = [os.path.join(folder, name) for name in ("hits.parquet", "hits.csv")]
    with files.atomic_path(paths[0]) as temporary:
        parquet.write(table, temporary)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([name for name in columns if name != "labels"])
    for row in table.drop_columns(["labels"]).to_pylist():
        start, cosine = f"{row['start_seconds']:.2f}", f"{row['cosine']:.6f}"
        rows.writerow([row["query"], row["rank"], row["clip_id"], start, cosine, "; ".join(row["label_names"])])
    files.write_text(paths[1], text.getvalue(), tables.SPREADSHEET_ENCODING)
    return paths
