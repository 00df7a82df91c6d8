"""A Parquet file whose pages have checksums, uncompressed: two row groups of 20, several pages a column. Argument: the file."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq

rows = range(40)
table = pa.table(
    {
        "id": [f"id-{i}" for i in rows],
        "plain": pa.array(rows, pa.int64()),
        "tags": pa.array([[i, i % 20] for i in rows], pa.list_(pa.int64())),
    }
)
pq.write_table(
    table,
    sys.argv[1],
    row_group_size=20,
    compression="none",
    use_dictionary=["id"],
    write_page_checksum=True,
    data_page_size=64,
    write_batch_size=8,
)
