"""Golden tables written by PyIceberg, and what its own scan finds in them. Argument: the folder of the tables."""

import datetime
import json
import pathlib
import shutil
import struct
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pyiceberg
from pyarrow.fs import LocalFileSystem
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo, GreaterThanOrEqual, In
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.manifest import ManifestContent, ManifestEntryStatus
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

ROOT = pathlib.Path(sys.argv[1])
BASE = "s3://corpus/"
UTC = datetime.timezone.utc


class FolderIO(PyArrowFileIO):
    """Locations are s3://corpus/…; files lie in the folder."""

    def new_input(self, location):
        path = ROOT / location.removeprefix(BASE)
        path.parent.mkdir(parents=True, exist_ok=True)
        return PyArrowFile(location=location, path=str(path), fs=LocalFileSystem())

    new_output = new_input

    def delete(self, location):
        (ROOT / str(getattr(location, "location", location)).removeprefix(BASE)).unlink()


catalog = SqlCatalog("corpus", **{"uri": "sqlite:///:memory:", "warehouse": BASE, "py-io-impl": "__main__.FolderIO"})
catalog.create_namespace("corpus")

SMALL = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "name", StringType(), required=False),
    NestedField(3, "price", DecimalType(18, 4), required=False),
)


def create(name, schema, spec=PartitionSpec(), **properties):
    shutil.rmtree(ROOT / name, ignore_errors=True)
    return catalog.create_table(("corpus", name), schema=schema, location=BASE + name, partition_spec=spec, properties=properties)


def rows(table, values):
    """Values under the current columns of the table, in their order."""
    schema = table.schema().as_arrow()
    return pa.Table.from_pylist([dict(zip(schema.names, row)) for row in values], schema=schema)


def small(first, last):
    return [(i, None if i % 5 == 0 else f"name {i}", Decimal(i * 12_345).scaleb(-4)) for i in range(first, last + 1)]


def commits():
    table = create("pyiceberg-commits", SMALL)
    table.append(rows(table, small(1, 10)))
    table.append(rows(table, small(11, 20)))
    table.delete(In("id", [3, 12]))
    table.overwrite(rows(table, small(15, 16)), overwrite_filter=GreaterThanOrEqual("id", 15))
    table.delete(In("id", list(range(1, 11))))
    done(table, ["append", "overwrite", "delete", "delete by copy on write", "zstd data files"])


def snappy():
    table = create("pyiceberg-snappy", SMALL, **{"write.parquet.compression-codec": "snappy"})
    table.append(rows(table, small(1, 30)))
    done(table, ["snappy data files"])


def evolution():
    table = create(
        "pyiceberg-evolution",
        Schema(
            NestedField(1, "id", IntegerType(), required=False),
            NestedField(2, "name", StringType(), required=False),
            NestedField(3, "gone", StringType(), required=False),
            NestedField(4, "point", StructType(NestedField(5, "x", IntegerType(), required=False)), required=False),
        ),
    )
    table.append(rows(table, [(1, "a", "g", {"x": 7}), (2, None, None, None)]))
    with table.update_schema() as update:
        update.rename_column("name", "title").update_column("id", LongType()).add_column("added", DoubleType())
        update.rename_column("point.x", "abscissa")
    table.append(rows(table, [(1 << 40, "b", "h", {"abscissa": 8}, 0.1)]))
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("gone").move_first("title")
    table.append(rows(table, [("c", 3, None, -0.0)]))
    done(table, ["rename", "nested field rename", "reorder", "add without default", "drop"])


def partitions():
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "name", StringType(), required=False),
        NestedField(3, "at", TimestamptzType(), required=False),
        NestedField(4, "on", DateType(), required=False),
    )
    spec = PartitionSpec(
        PartitionField(2, 1000, IdentityTransform(), "name"),
        PartitionField(1, 1001, BucketTransform(2), "id_bucket"),
        PartitionField(3, 1002, DayTransform(), "at_day"),
    )
    table = create("pyiceberg-partitions", schema, spec)

    def some(first, last):
        start = datetime.datetime(2024, 2, 28, 12, tzinfo=UTC)
        return [
            (i, None if i == 3 else f"name{i % 2}", start + datetime.timedelta(hours=20 * (i % 3), microseconds=i), datetime.date(2024, 1 + i, 3))
            for i in range(first, last + 1)
        ]

    table.append(rows(table, some(0, 5)))
    table.delete(EqualTo("name", "name0"))
    with table.update_spec() as update:
        update.remove_field("id_bucket")
        update.remove_field("at_day")
        update.add_field("on", MonthTransform(), "on_month")
    table.append(rows(table, some(6, 8)))
    done(table, ["identity, bucket and day", "partition evolution"])


def added_files():
    """Files of somebody else, who knows nothing of field ids: the table's name mapping says which column is which."""
    part = StructType(NestedField(5, "x", IntegerType(), required=False))
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "name", StringType(), required=False),
        NestedField(3, "price", DecimalType(18, 4), required=False),
        NestedField(4, "point", part, required=False),
        NestedField(6, "points", ListType(7, StructType(NestedField(8, "x", IntegerType(), required=False)), element_required=False), required=False),
        NestedField(9, "tags", MapType(10, StringType(), 11, StringType(), value_required=False), required=False),
    )
    table = create("pyiceberg-added-files", schema)

    def foreign(file, name, x, first, last):
        within = pa.struct([(x, pa.int32())])
        columns = pa.schema(
            [
                ("tags", pa.map_(pa.string(), pa.string())),
                ("points", pa.list_(within)),
                ("point", within),
                (name, pa.string()),
                ("id", pa.int64()),
                ("price", pa.decimal128(18, 4)),
            ]
        )
        values = [
            {"id": i, name: text, "price": price, "point": {x: i}, "points": [{x: i}, {x: None}], "tags": {"k": f"v{i}"}}
            for i, text, price in small(first, last)
        ]
        path = ROOT / "pyiceberg-added-files" / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(values, schema=columns), path)
        return BASE + f"pyiceberg-added-files/data/{file}"

    table.add_files([foreign("foreign-1.parquet", "name", "x", 1, 6)])
    with table.update_schema() as update:
        update.rename_column("name", "title").rename_column("point.x", "abscissa").rename_column("points.x", "abscissa")
    table.append(rows(table, [(7, "own", Decimal("1.5000"), {"abscissa": 7}, [{"abscissa": 7}], {"k": "own"})]))
    table.add_files([foreign("foreign-2.parquet", "title", "abscissa", 8, 11)])
    done(table, ["files without field ids (name mapping)", "rename", "nested field rename", "struct, list, map"])


def done(table, features):
    table.refresh()
    metadata = table.metadata_location
    for file in (ROOT / table.name()[-1] / "metadata").glob("*.metadata.json"):
        if not metadata.endswith(file.name):
            file.unlink()
    parts = ['{\n  "writer": %s,\n  "features": %s,\n  "metadata": %s,\n  "snapshots": [' % tuple(map(json.dumps, (f"PyIceberg {pyiceberg.__version__}", features, metadata)))]
    told = []
    for one in table.metadata.snapshots:
        read = table.scan(snapshot_id=one.snapshot_id)
        schema = read.projection()
        noted = sorted(json.dumps(plain(row, schema.as_struct()), ensure_ascii=False) for row in read.to_arrow().to_pylist())
        lines = ",".join(f"\n        {row}" for row in noted)
        told.append(f'\n    {{\n      "id": "{one.snapshot_id}",\n      "changes": {json.dumps(changes(table, one))},\n      "rows": [{lines}\n      ]\n    }}')
    (ROOT / table.name()[-1] / "expected.json").write_text("".join([*parts, ",".join(told), "\n  ]\n}\n"]), encoding="utf-8")


def changes(table, snapshot):
    found = {"added": [], "removed": [], "deletes": [], "removedDeletes": []}
    names = {
        (ManifestContent.DATA, ManifestEntryStatus.ADDED): "added",
        (ManifestContent.DATA, ManifestEntryStatus.DELETED): "removed",
        (ManifestContent.DELETES, ManifestEntryStatus.ADDED): "deletes",
        (ManifestContent.DELETES, ManifestEntryStatus.DELETED): "removedDeletes",
    }
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id != snapshot.snapshot_id:
            continue
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
            name = names.get((manifest.content, entry.status))
            if name is not None and entry.snapshot_id == snapshot.snapshot_id:
                found[name].append(entry.data_file.file_path)
    return {name: sorted(paths) for name, paths in found.items()}


def plain(value, of):
    """The form of README.md."""
    if value is None:
        return None
    if isinstance(of, StructType):
        return {field.name: plain(value[field.name], field.field_type) for field in of.fields}
    if isinstance(of, ListType):
        return [plain(one, of.element_type) for one in value]
    if isinstance(of, MapType):
        return sorted([plain(key, of.key_type), plain(item, of.value_type)] for key, item in value)
    if isinstance(of, DoubleType):
        return struct.pack(">d", value).hex()
    if isinstance(of, DateType):
        return str((value - datetime.date(1970, 1, 1)).days)
    if isinstance(of, TimestamptzType):
        return str((value - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1) * 1000)
    if isinstance(of, DecimalType):
        return format(value, "f")
    return str(value)


for make in (commits, snappy, evolution, partitions, added_files):
    make()
