import static org.apache.iceberg.types.Types.NestedField.optional;
import static org.apache.iceberg.types.Types.NestedField.required;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.*;
import java.util.*;
import java.util.stream.IntStream;
import org.apache.iceberg.*;
import org.apache.iceberg.data.*;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.*;
import org.apache.iceberg.types.Types;

/** The tables of the corpus, each with the features its README row names. */
class Features extends Make {
  static final Schema SMALL = new Schema(required(1, "id", Types.LongType.get()), optional(2, "name", Types.StringType.get()), optional(3, "price", Types.DecimalType.of(18, 4)));
  static final PartitionSpec WHOLE = PartitionSpec.unpartitioned();

  static void all() throws Exception {
    for (int version : new int[] {1, 2, 3}) types(version);
    nested();
    positions();
    equality();
    vectors();
    commits();
    partitions();
    evolution();
    defaults();
    for (String codec : List.of("uncompressed", "gzip", "zstd", "snappy")) manifestCodec(codec);
    for (String codec : List.of("uncompressed", "snappy", "gzip", "zstd", "lz4_raw")) dataCodec(codec);
    refs();
    expiry();
    paths();
    empty();
    foreign();
  }

  static List<Record> small(int first, int last) {
    return IntStream.rangeClosed(first, last).mapToObj(i -> row((long) i, i % 5 == 0 ? null : "name " + i, new BigDecimal(BigInteger.valueOf(i * 12_345L), 4))).toList();
  }

  static void types(int version) throws IOException {
    List<Types.NestedField> fields = new ArrayList<>(List.of(
      required(1, "id", Types.LongType.get()), optional(2, "boolean", Types.BooleanType.get()), optional(3, "int", Types.IntegerType.get()),
      optional(4, "long", Types.LongType.get()), optional(5, "float", Types.FloatType.get()), optional(6, "double", Types.DoubleType.get()),
      optional(7, "decimal9", Types.DecimalType.of(9, 2)), optional(8, "decimal18", Types.DecimalType.of(18, 6)), optional(9, "decimal38", Types.DecimalType.of(38, 10)),
      optional(10, "date", Types.DateType.get()), optional(11, "time", Types.TimeType.get()), optional(12, "timestamp", Types.TimestampType.withoutZone()),
      optional(13, "timestamptz", Types.TimestampType.withZone()), optional(14, "string", Types.StringType.get()), optional(15, "uuid", Types.UUIDType.get()),
      optional(16, "fixed", Types.FixedType.ofLength(4)), optional(17, "binary", Types.BinaryType.get())));
    if (version == 3) fields.add(optional(18, "timestamp_ns", Types.TimestampNanoType.withoutZone()));
    create("types-v" + version, new Schema(fields), WHOLE, version);
    List<Record> rows = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      Object[] values = {(long) i, i % 2 == 0,
        pick(i, 0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, 42, 7), pick(i, 0L, -1L, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 53, (1L << 53) + 1),
        pick(i, 0f, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.MIN_VALUE, Float.MAX_VALUE), pick(i, 0d, -0d, Double.NaN, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, 0.1),
        new BigDecimal(pick(i, "0.00", "-0.01", "9999999.99", "-9999999.99", "1.10", "12.34")).setScale(2), new BigDecimal(pick(i, "0.000000", "-0.000001", "999999999999.999999", "-999999999999.999999", "1.5", "2")).setScale(6),
        new BigDecimal(pick(i, "0", "-0.0000000001", "9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999", "1.5", "12345678901234567890.0123456789")).setScale(10),
        pick(i, LocalDate.EPOCH, LocalDate.of(1, 1, 1), LocalDate.of(9999, 12, 31), LocalDate.of(1969, 12, 31), LocalDate.of(2024, 2, 29), LocalDate.of(2026, 11, 23)),
        pick(i, LocalTime.MIN, LocalTime.of(23, 59, 59, 999_999_000), LocalTime.NOON, LocalTime.of(0, 0, 0, 1000), LocalTime.of(12, 34, 56), LocalTime.of(1, 2, 3)),
        pick(i, at(0, 0), at(-1, 999_999_000), at(253_402_300_799L, 999_999_000), at(-62_135_596_800L, 0), at(1_700_000_000L, 1000), at(1_582_934_400L, 0)),
        pick(i, at(0, 0), at(-1, 999_999_000), at(253_402_300_799L, 999_999_000), at(-62_135_596_800L, 0), at(1_700_000_000L, 1000), at(1_582_934_400L, 0)).atOffset(ZoneOffset.UTC),
        pick(i, "", "ascii", "\u00e9\u4e2d\ud83d\ude80", "quote ' and \" and \\", "line\nbreak", "x".repeat(100)),
        new UUID(i * 0x123456789abcdefL, ~i), new byte[] {0, (byte) i, -1, 127}, ByteBuffer.wrap(new byte[i])};
      rows.add(row(version == 3 ? with(values, pick(i, at(0, 1), at(-1, 999_999_999), at(1_700_000_000L, 123_456_789), at(-9_000_000_000L, 7), at(9_000_000_000L, 1), at(1, 0))) : values));
    }
    rows.add(row(6L));
    append(write(rows));
    done("v" + version, "all primitive types", "nulls, NaN, -0 and extremes", version == 3 ? "timestamp_ns" : "decimal(9), (18), (38)");
  }

  @SafeVarargs static <T> T pick(int i, T... values) { return values[i]; }
  static LocalDateTime at(long second, int nano) { return LocalDateTime.ofEpochSecond(second, nano, ZoneOffset.UTC); }
  static Object[] with(Object[] values, Object last) { Object[] all = Arrays.copyOf(values, values.length + 1); all[values.length] = last; return all; }

  static final Types.StructType POINT = Types.StructType.of(optional(11, "x", Types.IntegerType.get()), optional(12, "label", Types.StringType.get()));

  static void nested() throws IOException {
    create("nested", new Schema(required(1, "id", Types.LongType.get()), optional(2, "point", POINT),
      optional(3, "tags", Types.ListType.ofOptional(13, Types.StringType.get())),
      optional(4, "prices", Types.MapType.ofOptional(14, 15, Types.StringType.get(), Types.DecimalType.of(9, 2))),
      optional(5, "points", Types.ListType.ofOptional(16, Types.StructType.of(optional(17, "x", Types.IntegerType.get()), optional(18, "deep", Types.ListType.ofOptional(19, Types.LongType.get())))))), WHOLE, 2);
    Types.StructType point = table.schema().findField("point").type().asStructType();
    Types.StructType part = table.schema().findField("points").type().asListType().elementType().asStructType();
    append(write(List.of(
      row(1L, of(point, 1, "a"), List.of("p", "q"), Map.of("k", new BigDecimal("1.50")), List.of(of(part, 7, List.of(1L, 2L)))),
      row(2L, of(point, null, null), List.of(), Map.of(), List.of()),
      row(3L), row(4L, of(point, 4, null), Arrays.asList("x", null), Collections.singletonMap("n", null), Arrays.asList(null, of(part, null, null))))));
    table.updateSchema().renameColumn("point.label", "title").updateColumn("point.x", Types.LongType.get()).addColumn("point", "z", Types.DoubleType.get()).renameColumn("points.x", "abscissa").deleteColumn("points.deep").commit();
    point = table.schema().findField("point").type().asStructType();
    part = table.schema().findField("points").type().asListType().elementType().asStructType();
    append(write(List.of(row(5L, of(point, 1L << 40, "t", 0.5), List.of("r"), Map.of("k", new BigDecimal("-2.25")), List.of(of(part, 9))))));
    done("struct, list, map", "nested field rename");
  }

  static Record of(Types.StructType type, Object... values) {
    GenericRecord record = GenericRecord.create(type);
    for (int i = 0; i < values.length; i++) record.set(i, values[i]);
    return record;
  }

  static void positions() throws IOException {
    create("position-deletes", SMALL, WHOLE, 2);
    DataFile first = write(small(1, 20)), second = write(small(21, 40));
    append(first, second);
    deletes(positions(first, 0, 5, 19), positions(second, 7));
    append(write(small(1, 3)));
    deletes(positions(first, 1));
    done("position deletes", "v2");
  }

  static void equality() throws IOException {
    create("equality-deletes", SMALL, WHOLE, 2);
    append(write(small(1, 20)));
    deletes(equality(new int[] {1}, null, new Object[] {3L}, new Object[] {4L}, new Object[] {99L}));
    append(write(small(3, 4)));
    deletes(equality(new int[] {2}, null, new Object[] {null}));
    deletes(equality(new int[] {1, 2}, null, new Object[] {6L, "name 6"}, new Object[] {7L, "other"}));
    done("equality deletes", "equality deletes of nulls");

    PartitionSpec byName = PartitionSpec.builderFor(SMALL).identity("name").build();
    create("equality-deletes-in-partition", SMALL, byName, 2);
    PartitionData a = PartitionDataOf(byName, "a"), b = PartitionDataOf(byName, "b");
    append(write(List.of(row(1L, "a", null), row(2L, "a", null)), a, ".parquet"), write(List.of(row(1L, "b", null), row(2L, "b", null)), b, ".parquet"));
    deletes(equality(new int[] {1}, a, new Object[] {1L}));
    RowDelta both = table.newRowDelta();
    both.addRows(write(List.of(row(2L, "b", new BigDecimal("1.0000"))), b, ".parquet")).addDeletes(equality(new int[] {1}, b, new Object[] {2L})).commit();
    seen();
    done("equality deletes", "equality deletes within a partition");
  }

  static PartitionData PartitionDataOf(PartitionSpec spec, Object... values) {
    PartitionData data = new PartitionData(spec.partitionType());
    for (int i = 0; i < values.length; i++) data.set(i, values[i]);
    return data;
  }

  static void vectors() throws IOException {
    create("deletion-vectors", SMALL, WHOLE, 3);
    DataFile first = write(small(1, 20)), second = write(small(21, 40));
    append(first, second);
    Map<DataFile, long[]> both = new LinkedHashMap<>();
    both.put(first, new long[] {0, 5, 19});
    both.put(second, new long[] {3, 4, 5, 6, 7, 8, 9, 10});
    List<DeleteFile> old = vectors(both);
    deletes(old.toArray(DeleteFile[]::new));
    RowDelta replaced = table.newRowDelta().validateFromSnapshot(newest().snapshotId());
    vectors(Map.of(first, new long[] {0, 5, 6, 19})).forEach(replaced::addDeletes);
    old.stream().filter(one -> one.referencedDataFile().equals(first.location())).forEach(replaced::removeDeletes);
    replaced.commit();
    seen();
    done("deletion vectors", "v3", "deletion vectors that share a Puffin file");
  }

  static void commits() throws IOException {
    create("commits", SMALL, WHOLE, 2);
    DataFile first = write(small(1, 10)), second = write(small(11, 20)), third = write(small(21, 30));
    append(first);
    append(second);
    append(third);
    table.newOverwrite().deleteFile(first).addFile(write(small(5, 10))).commit();
    seen();
    table.newDelete().deleteFile(second).commit();
    seen();
    table.newRewrite().deleteFile(third).addFile(write(small(21, 25))).addFile(write(small(26, 30))).commit();
    seen();
    table.rewriteManifests().clusterBy(file -> "one").commit();
    seen();
    table.newAppend().commit();
    seen();
    done("append", "overwrite", "delete", "replace", "rewrite manifests", "commit without rows", "file carried by several manifests");
  }

  static void partitions() throws IOException {
    Schema schema = new Schema(required(1, "id", Types.LongType.get()), optional(2, "name", Types.StringType.get()), optional(3, "at", Types.TimestampType.withZone()), optional(4, "on", Types.DateType.get()));
    PartitionSpec spec = PartitionSpec.builderFor(schema).identity("name").bucket("id", 4).truncate("name", 2).year("on").alwaysNull("on", "nothing").build();
    create("partitions", schema, spec, 2);
    List<Record> rows = new ArrayList<>();
    for (int i = 0; i < 8; i++) rows.add(row((long) i, i == 3 ? null : "name" + i % 3, at(1_700_000_000L + i * 4_000_000L, 0).atOffset(ZoneOffset.UTC), LocalDate.of(2024 + i % 2, 1 + i, 3)));
    append(byPartition(rows));
    table.updateSpec().removeField("name").removeField("name_trunc").removeField("on_year").addField(Expressions.month("on")).addField(Expressions.day("at")).commit();
    append(byPartition(rows.subList(0, 4)));
    table.updateSpec().removeField("at_day").addField(Expressions.hour("at")).commit();
    append(byPartition(rows.subList(4, 8)));
    done("partition evolution", "identity, bucket, truncate, year, month, day, hour, void");
  }

  static DataFile[] byPartition(List<Record> rows) throws IOException {
    PartitionKey key = new PartitionKey(table.spec(), table.schema());
    InternalRecordWrapper wrapper = new InternalRecordWrapper(table.schema().asStruct());
    Map<PartitionKey, List<Record>> groups = new LinkedHashMap<>();
    for (Record row : rows) { key.partition(wrapper.wrap(row)); groups.computeIfAbsent(key.copy(), one -> new ArrayList<>()).add(row); }
    List<DataFile> written = new ArrayList<>();
    for (var group : groups.entrySet()) written.add(write(group.getValue(), group.getKey(), ".parquet"));
    return written.toArray(DataFile[]::new);
  }

  static void evolution() throws IOException {
    create("evolution", new Schema(required(1, "id", Types.IntegerType.get()), optional(2, "name", Types.StringType.get()), optional(3, "ratio", Types.FloatType.get()), optional(4, "price", Types.DecimalType.of(9, 2)), optional(5, "gone", Types.StringType.get())), WHOLE, 2);
    append(write(List.of(row(1, "a", 0.1f, new BigDecimal("1.25"), "g"), row(2, null, -0f, null, null))));
    table.updateSchema().renameColumn("name", "title").updateColumn("id", Types.LongType.get()).updateColumn("ratio", Types.DoubleType.get()).updateColumn("price", Types.DecimalType.of(18, 2)).addColumn("added", Types.StringType.get()).commit();
    append(write(List.of(row(1L << 40, "b", 0.1, new BigDecimal("1234567890.25"), "g", "new"))));
    table.updateSchema().deleteColumn("gone").commit();
    table.updateSchema().addColumn("gone", Types.IntegerType.get()).moveFirst("price").moveAfter("gone", "price").commit();
    append(write(List.of(row(new BigDecimal("7.00"), 5, 3L, "c", 1.5, null))));
    done("rename", "reorder", "widen int, float and decimal", "add without default", "drop", "drop and add under the same name");
  }

  static void defaults() throws IOException {
    create("defaults", new Schema(required(1, "id", Types.LongType.get())), WHOLE, 3);
    append(write(List.of(row(1L), row(2L))));
    table.updateSchema().addColumn("text", Types.StringType.get(), Literal.of("it's")).addColumn("price", Types.DecimalType.of(9, 2), Literal.of(new BigDecimal("14.20")))
      .addColumn("on", Types.DateType.get(), Literal.of("2024-02-29").to(Types.DateType.get())).addColumn("flag", Types.BooleanType.get(), Literal.of(true))
      .addColumn("many", Types.LongType.get(), Literal.of(9_007_199_254_740_993L)).commit();
    append(write(List.of(row(3L, "own", new BigDecimal("1.00"), LocalDate.EPOCH, false, 5L), row(4L))));
    done("add with default", "v3");
  }

  static void manifestCodec(String codec) throws IOException {
    create("manifests-" + codec, SMALL, WHOLE, 2, "write.manifest.compression-codec", codec, "write.manifest-list.compression-codec", codec, "write.avro.compression-codec", codec, "write.metadata.compression-codec", codec.equals("gzip") ? "gzip" : "none");
    append(write(small(1, 5)));
    append(write(small(6, 9)));
    done(codec + " manifests", codec.equals("gzip") ? "gzip metadata" : "plain metadata");
  }

  static void dataCodec(String codec) throws IOException {
    create("data-" + codec, SMALL, WHOLE, 2, "write.parquet.compression-codec", codec, "write.delete.parquet.compression-codec", codec);
    DataFile file = write(small(1, 30));
    append(file);
    deletes(positions(file, 2));
    done(codec + " data files");
  }

  static void refs() throws IOException {
    create("refs", SMALL, WHOLE, 2);
    append(write(small(1, 5)));
    long first = newest().snapshotId();
    table.manageSnapshots().createTag("first", first).createBranch("audit", first).commit();
    table.newAppend().appendFile(write(small(6, 9))).toBranch("audit").commit();
    seen();
    append(write(small(10, 12)));
    done("branch", "tag");
  }

  static void expiry() throws IOException {
    create("expired", SMALL, WHOLE, 2);
    DataFile first = write(small(1, 5));
    append(first);
    long expired = newest().snapshotId();
    table.newOverwrite().deleteFile(first).addFile(write(small(1, 6))).commit();
    seen();
    append(write(small(7, 9)));
    table.expireSnapshots().expireSnapshotId(expired).commit();
    done("expired snapshots");
  }

  static void paths() throws IOException {
    create("odd paths", SMALL, WHOLE, 2);
    append(write(small(1, 2), null, " with space.parquet"), write(small(3, 4), null, "-100%25 +&=.parquet"), write(small(5, 6), null, "-\u00e9\u4e2d'.parquet"));
    done("paths with spaces, %-escapes and unicode");
  }

  static void empty() throws IOException {
    create("empty", SMALL, WHOLE, 2);
    done("empty table");
  }

  static void foreign() throws IOException {
    create("foreign-avro", SMALL, WHOLE, 2);
    append(write(small(1, 3), null, ".avro"));
    done("Avro data files");
    create("foreign-orc", SMALL, WHOLE, 2);
    // No ORC writer is needed: the manifest names the format, and the file is never opened.
    table.newAppend().appendFile(DataFiles.builder(WHOLE).withPath(location(".orc")).withFormat(FileFormat.ORC).withFileSizeInBytes(100).withRecordCount(3).build()).commit();
    expected.put(newest().snapshotId(), List.of());
    done("ORC data files");
  }
}
