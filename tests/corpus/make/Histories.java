import static org.apache.iceberg.types.Types.NestedField.optional;
import static org.apache.iceberg.types.Types.NestedField.required;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.*;
import org.apache.iceberg.*;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.variants.*;

/** Tables that were set back, published, upgraded, made again, or damaged; and types of format version 3. */
class Histories extends Features {
  static void histories() throws Exception {
    rollback();
    staged();
    fastForwarded();
    recreated();
    upgraded();
    deletesAcrossSpecs();
    nanoseconds();
    unreadTypes();
    damaged();
  }

  static void rollback() throws IOException {
    create("rollback", SMALL, WHOLE, 2);
    append(write(small(1, 5)));
    long first = newest().snapshotId();
    append(write(small(6, 9)));
    table.manageSnapshots().rollbackTo(first).commit();
    append(write(small(10, 12)));
    done("rollback");
  }

  /** Write, audit, publish: once as a snapshot of its own, once by moving on to it. */
  static void staged() throws IOException {
    create("staged", SMALL, WHOLE, 2);
    append(write(small(1, 5)));
    long published = stage(write(small(6, 9)));
    append(write(small(10, 12)));
    table.manageSnapshots().cherrypick(published).commit();
    seen();
    long next = stage(write(small(13, 14)));
    table.manageSnapshots().cherrypick(next).commit();
    stage(write(small(15, 16)));
    done("staged and cherry-picked", "staged and never published");
  }

  static long stage(DataFile file) {
    table.newAppend().appendFile(file).stageOnly().commit();
    seen();
    return newest().snapshotId();
  }

  static void fastForwarded() throws IOException {
    create("fast-forwarded", SMALL, WHOLE, 2);
    append(write(small(1, 5)));
    table.manageSnapshots().createBranch("audit", newest().snapshotId()).commit();
    for (int i = 6; i < 10; i += 2) {
      table.newAppend().appendFile(write(small(i, i + 1))).toBranch("audit").commit();
      seen();
    }
    table.manageSnapshots().fastForwardBranch("main", "audit").commit();
    append(write(small(10, 12)));
    done("fast-forwarded branch");
  }

  /** Under one name and in one place: the metadata of the first is kept beside the second's. */
  static void recreated() throws IOException {
    create("recreated", SMALL, WHOLE, 2);
    append(write(small(1, 5)));
    Path metadata = root.resolve(name).resolve("metadata");
    String last = ((BaseTable) table).operations().current().metadataFileLocation();
    Path kept = metadata.resolve("dropped.metadata.json");
    Files.move(metadata.resolve(last.substring(last.lastIndexOf('/') + 1)), kept);
    Files.delete(metadata.resolve("v1.metadata.json"));
    int written = files;
    begin("recreated");
    make(SMALL, WHOLE, 2);
    files = written;
    earlier = table.location() + "/metadata/dropped.metadata.json";
    append(write(small(6, 9)));
    done("dropped and made again");
  }

  static void upgraded() throws IOException {
    create("upgraded", SMALL, WHOLE, 1);
    DataFile first = write(small(1, 10)), second = write(small(11, 20));
    append(first, second);
    upgrade(2);
    deletes(positions(first, 0, 3));
    append(write(small(21, 22)));
    upgrade(3);
    deletes(vectors(Map.of(second, new long[] {1, 2})).toArray(DeleteFile[]::new));
    done("v1 upgraded to v2", "v2 upgraded to v3");
  }

  static void upgrade(int version) {
    TableOperations operations = ((BaseTable) table).operations();
    operations.commit(operations.current(), operations.current().upgradeToFormatVersion(version));
  }

  /** Deletes reach by partition only under the spec they were written with; those of an unpartitioned one reach all. */
  static void deletesAcrossSpecs() throws IOException {
    create("deletes-across-specs", SMALL, WHOLE, 2);
    DataFile first = write(List.of(row(1L, "a"), row(2L, "a"), row(3L, "b"), row(5L, "a"), row(6L, "b")));
    append(first);
    deletes(equality(new int[] {1}, null, new Object[] {2L}));
    table.updateSpec().addField("name").commit();
    PartitionData a = PartitionDataOf(table.spec(), "a"), b = PartitionDataOf(table.spec(), "b");
    DataFile second = write(List.of(row(2L, "a"), row(5L, "a"), row(7L, "a")), a, ".parquet");
    append(second, write(List.of(row(3L, "b"), row(5L, "b")), b, ".parquet"));
    deletes(positions(first, 4), positions(second, 0));
    deletes(equality(new int[] {1}, a, new Object[] {5L}));
    table.updateSpec().removeField("name").commit();
    deletes(equality(new int[] {1}, null, new Object[] {3L}));
    done("deletes across a changed partition spec");
  }

  static void nanoseconds() throws IOException {
    create("nanoseconds", new Schema(required(1, "id", Types.LongType.get()), optional(2, "local", Types.TimestampNanoType.withoutZone()), optional(3, "at", Types.TimestampNanoType.withZone()), optional(4, "name", Types.StringType.get())), WHOLE, 3);
    List<Record> rows = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      var moment = pick(i, at(0, 1), at(-1, 999_999_999), at(1_700_000_000L, 123_456_789), at(-9_000_000_000L, 7), at(9_000_000_000L, 1));
      rows.add(row((long) i, moment, moment.atOffset(ZoneOffset.UTC), "name " + i));
    }
    rows.add(row(5L));
    append(write(rows));
    done("timestamp_ns", "timestamptz_ns", "v3");
  }

  /** Of the types that are not read only what else is in the rows is expected. */
  static void unreadTypes() throws IOException {
    create("unread-types", new Schema(required(1, "id", Types.LongType.get()), optional(2, "payload", Types.VariantType.get()), optional(3, "name", Types.StringType.get())), WHOLE, 3);
    List<Record> rows = new ArrayList<>();
    for (int i = 0; i < 4; i++) rows.add(row((long) i, i == 2 ? null : variant(i), "name " + i));
    append(write(rows));
    table.updateSchema().addColumn("shape", Types.GeometryType.crs84()).addColumn("nothing", Types.UnknownType.get()).commit();
    table.newAppend().commit();
    seen();
    done("variant", "geometry", "unknown", "v3");
  }

  static Variant variant(int i) {
    VariantMetadata metadata = Variants.metadata("n");
    ShreddedObject object = Variants.object(metadata);
    object.put("n", Variants.of(i));
    return Variant.of(metadata, object);
  }

  /** What is damaged was whole when its rows were noted. */
  static void damaged() throws IOException {
    create("damaged", SMALL, WHOLE, 2, "write.parquet.compression-codec", "uncompressed");
    DataFile whole = write(small(1, 9)), cut = write(small(11, 19)), flipped = write(small(21, 29));
    append(whole, cut, flipped);
    DeleteFile deletes = positions(whole, 2);
    deletes(deletes);
    append(write(small(31, 39)));
    cutShort(cut.location());
    flip(flipped.location(), "name 24");
    cutShort(deletes.location());
    done("damaged files");
  }

  static void cutShort(String location) throws IOException {
    Path path = Path.of(FolderIO.local(location));
    byte[] bytes = Files.readAllBytes(path);
    Files.write(path, Arrays.copyOf(bytes, bytes.length * 2 / 3));
    damaged.put(location, "cut short");
  }

  /** One bit of a value: it decodes all the same. */
  static void flip(String location, String value) throws IOException {
    Path path = Path.of(FolderIO.local(location));
    byte[] bytes = Files.readAllBytes(path);
    int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf(value);
    if (at < 0) throw new IllegalStateException(location + ": no " + value);
    bytes[at + value.length() - 1] ^= 1;
    Files.write(path, bytes);
    damaged.put(location, "a flipped bit");
  }
}
