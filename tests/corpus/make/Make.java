import java.io.File;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.*;
import org.apache.iceberg.data.*;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.deletes.*;
import org.apache.iceberg.io.*;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.types.Types.NestedField;

/**
 * Writes golden tables with Iceberg's Java API, and notes what its generic reader finds in them. Arguments: the folder of the
 * tables, then `features`, `histories`, or `note <table> <metadata> <writer> <feature>…` for a table that somebody else wrote.
 */
public class Make {
  static Path root;
  static Table table;
  static String name;
  static int files;
  static Map<Long, List<String>> expected;
  /** Metadata of the table that had this name before. */
  static String earlier;
  /** By location, what is wrong with a file. */
  static Map<String, String> damaged;
  static String writer = "Iceberg Java " + IcebergBuild.version();

  public static void main(String[] arguments) throws Exception {
    root = Path.of(arguments[0]);
    switch (arguments[1]) {
      case "features" -> Features.all();
      case "histories" -> Histories.histories();
      case "note" -> note(Arrays.asList(arguments).subList(2, arguments.length));
      default -> throw new IllegalArgumentException(arguments[1]);
    }
  }

  static void note(List<String> arguments) throws IOException {
    begin(arguments.get(0));
    writer = arguments.get(2);
    FolderOperations operations = new FolderOperations("s3://corpus/" + name);
    operations.current = TableMetadataParser.read(new FolderIO(), arguments.get(1));
    table = new BaseTable(operations, name);
    for (Snapshot one : table.snapshots()) seen(one.snapshotId(), IcebergGenerics.read(table).useSnapshot(one.snapshotId()));
    done(arguments.subList(3, arguments.size()).toArray(String[]::new));
  }

  static void begin(String tableName) {
    name = tableName;
    files = 0;
    expected = new LinkedHashMap<>();
    earlier = null;
    damaged = new java.util.TreeMap<>();
  }

  /** Locations become s3://corpus/… : the file IO maps them to the folder. */
  static class FolderIO implements FileIO {
    static String local(String location) {
      return root + "/" + location.replaceFirst("^s3://(warehouse/)?corpus/", "");
    }
    public InputFile newInputFile(String location) {
      InputFile file = org.apache.iceberg.Files.localInput(local(location));
      return new InputFile() {
        public long getLength() { return file.getLength(); }
        public SeekableInputStream newStream() { return file.newStream(); }
        public String location() { return location; }
        public boolean exists() { return file.exists(); }
      };
    }
    public OutputFile newOutputFile(String location) {
      new File(local(location)).getParentFile().mkdirs();
      OutputFile file = org.apache.iceberg.Files.localOutput(new File(local(location)));
      return new OutputFile() {
        public PositionOutputStream create() { return file.create(); }
        public PositionOutputStream createOrOverwrite() { return file.createOrOverwrite(); }
        public String location() { return location; }
        public InputFile toInputFile() { return newInputFile(location); }
      };
    }
    public void deleteFile(String location) { new File(local(location)).delete(); }
  }

  /** One table in a folder; its newest metadata file is known by its number. */
  static class FolderOperations implements TableOperations {
    private TableMetadata current;
    private final String location;
    private int version;
    FolderOperations(String location) { this.location = location; }
    public TableMetadata current() { return current; }
    public TableMetadata refresh() { return current; }
    public FileIO io() { return new FolderIO(); }
    public LocationProvider locationProvider() { return LocationProviders.locationsFor(location, current.properties()); }
    public String metadataFileLocation(String file) { return location + "/metadata/" + file; }
    public void commit(TableMetadata base, TableMetadata metadata) {
      String codec = metadata.properties().getOrDefault("write.metadata.compression-codec", "none");
      String file = metadataFileLocation("v" + (++version) + (codec.equals("gzip") ? ".gz" : "") + ".metadata.json");
      TableMetadataParser.write(metadata, io().newOutputFile(file));
      current = TableMetadataParser.read(io(), file);
    }
  }

  static Table create(String tableName, Schema schema, PartitionSpec spec, int version, String... properties) {
    begin(tableName);
    clear(root.resolve(name).toFile());
    return make(schema, spec, version, properties);
  }

  static void clear(File file) {
    File[] within = file.listFiles();
    if (within != null) for (File one : within) clear(one);
    file.delete();
  }

  static Table make(Schema schema, PartitionSpec spec, int version, String... properties) {
    String location = "s3://corpus/" + name;
    Map<String, String> all = new HashMap<>(Map.of("format-version", "" + version, "write.metadata.previous-versions-max", "1"));
    for (int i = 0; i < properties.length; i += 2) all.put(properties[i], properties[i + 1]);
    FolderOperations operations = new FolderOperations(location);
    operations.commit(null, TableMetadata.newTableMetadata(schema, spec, location, all));
    table = new BaseTable(operations, name);
    return table;
  }

  static Record row(Object... values) {
    GenericRecord record = GenericRecord.create(table.schema());
    for (int i = 0; i < values.length; i++) record.set(i, values[i]);
    return record;
  }

  static String location(String suffix) {
    return table.location() + "/data/" + String.format("%02d", ++files) + suffix;
  }

  static DataFile write(List<Record> rows) throws IOException { return write(rows, null, ".parquet"); }

  static DataFile write(List<Record> rows, StructLike partition, String suffix) throws IOException {
    FileFormat format = suffix.endsWith(".avro") ? FileFormat.AVRO : FileFormat.PARQUET;
    GenericFileWriterFactory factory = new GenericFileWriterFactory.Builder(table).dataFileFormat(format).build();
    DataWriter<Record> writer = factory.newDataWriter(encrypted(location(suffix)), table.spec(), partition);
    try (writer) { for (Record row : rows) writer.write(row); }
    return writer.toDataFile();
  }

  static org.apache.iceberg.encryption.EncryptedOutputFile encrypted(String location) {
    return org.apache.iceberg.encryption.EncryptedFiles.plainAsEncryptedOutput(table.io().newOutputFile(location));
  }

  static DeleteFile positions(DataFile file, long... positions) throws IOException {
    GenericFileWriterFactory factory = new GenericFileWriterFactory.Builder(table).deleteFileFormat(FileFormat.PARQUET).build();
    PositionDeleteWriter<Record> writer = factory.newPositionDeleteWriter(encrypted(location("-deletes.parquet")), table.specs().get(file.specId()), file.partition());
    try (writer) { for (long at : positions) writer.write(PositionDelete.<Record>create().set(file.location(), at)); }
    return writer.toDeleteFile();
  }

  static DeleteFile equality(int[] ids, StructLike partition, Object[]... keys) throws IOException {
    Schema schema = org.apache.iceberg.types.TypeUtil.select(table.schema(), new java.util.HashSet<>(Arrays.stream(ids).boxed().toList()));
    GenericFileWriterFactory factory =
      new GenericFileWriterFactory.Builder(table).deleteFileFormat(FileFormat.PARQUET).equalityFieldIds(ids).equalityDeleteRowSchema(schema).build();
    EqualityDeleteWriter<Record> writer = factory.newEqualityDeleteWriter(encrypted(location("-equality.parquet")), table.spec(), partition);
    try (writer) {
      for (Object[] key : keys) {
        GenericRecord record = GenericRecord.create(schema);
        for (int i = 0; i < key.length; i++) record.set(i, key[i]);
        writer.write(record);
      }
    }
    return writer.toDeleteFile();
  }

  /** Deletion vectors of several data files, in one Puffin file. */
  static List<DeleteFile> vectors(Map<DataFile, long[]> deleted) throws IOException {
    OutputFileFactory outputs = OutputFileFactory.builderFor(table, 1, ++files).format(FileFormat.PUFFIN).operationId("00000000-0000-0000-0000-000000000000").build();
    BaseDVFileWriter writer = new BaseDVFileWriter(outputs, path -> null);
    try (writer) {
      deleted.forEach((file, positions) -> {
        for (long at : positions) writer.delete(file.location(), at, table.specs().get(file.specId()), file.partition());
      });
    }
    return writer.result().deleteFiles();
  }

  static void append(DataFile... added) {
    AppendFiles append = table.newAppend();
    for (DataFile file : added) append.appendFile(file);
    append.commit();
    seen();
  }

  static void deletes(DeleteFile... added) {
    RowDelta delta = table.newRowDelta();
    for (DeleteFile file : added) delta.addDeletes(file);
    delta.commit();
    seen();
  }

  /** Notes the rows of the newest snapshot, under its own schema. */
  static void seen() {
    long id = newest().snapshotId();
    seen(id, IcebergGenerics.read(table).useSnapshot(id));
  }

  static void seen(long id, IcebergGenerics.ScanBuilder scan) {
    List<String> rows = new ArrayList<>();
    Schema schema = org.apache.iceberg.util.SnapshotUtil.schemaFor(table, id);
    try (CloseableIterable<Record> read = scan.build()) {
      for (Record record : read) rows.add(json(record, schema.asStruct()));
    } catch (IOException broken) {
      throw new RuntimeException(broken);
    }
    java.util.Collections.sort(rows);
    expected.put(id, rows);
  }

  static Snapshot newest() {
    Snapshot last = null;
    for (Snapshot one : table.snapshots()) if (last == null || one.sequenceNumber() >= last.sequenceNumber()) last = one;
    return last;
  }

  /** Writes expected.json; snapshots that expired are left out. */
  static void done(String... features) throws IOException {
    StringBuilder out = new StringBuilder("{\n  \"writer\": " + text(writer) + ",\n  \"features\": [");
    out.append(String.join(", ", Arrays.stream(features).map(Make::text).toList())).append("],\n  \"metadata\": ");
    String metadata = ((BaseTable) table).operations().current().metadataFileLocation();
    out.append(text(metadata));
    if (earlier != null) out.append(",\n  \"earlier\": ").append(text(earlier));
    if (!damaged.isEmpty())
      out.append(",\n  \"damaged\": { ").append(String.join(", ", damaged.entrySet().stream().map(one -> text(one.getKey()) + ": " + text(one.getValue())).toList())).append(" }");
    out.append(",\n  \"snapshots\": [");
    List<String> snapshots = new ArrayList<>();
    for (Snapshot one : table.snapshots()) {
      List<String> rows = expected.get(one.snapshotId());
      if (rows == null) throw new IllegalStateException(name + ": rows of " + one.snapshotId() + " were not noted");
      StringBuilder each = new StringBuilder("\n    {\n      \"id\": " + text("" + one.snapshotId()) + ",\n      \"changes\": ");
      each.append(changes(one)).append(",\n      \"rows\": [");
      each.append(String.join(",", rows.stream().map(row -> "\n        " + row).toList())).append("\n      ]\n    }");
      snapshots.add(each.toString());
    }
    out.append(String.join(",", snapshots)).append("\n  ]\n}\n");
    Files.writeString(root.resolve(name).resolve("expected.json"), out);
    for (File file : root.resolve(name).resolve("metadata").toFile().listFiles())
      if (file.getName().endsWith("metadata.json") && !metadata.endsWith(file.getName()) && (earlier == null || !earlier.endsWith(file.getName()))) file.delete();
  }

  static String changes(Snapshot one) {
    List<String> added = new ArrayList<>(), removed = new ArrayList<>(), deletes = new ArrayList<>(), removedDeletes = new ArrayList<>();
    one.addedDataFiles(table.io()).forEach(file -> added.add(text(file.location())));
    one.removedDataFiles(table.io()).forEach(file -> removed.add(text(file.location())));
    one.addedDeleteFiles(table.io()).forEach(file -> deletes.add(text(file.location())));
    one.removedDeleteFiles(table.io()).forEach(file -> removedDeletes.add(text(file.location())));
    return "{ \"added\": " + sorted(added) + ", \"removed\": " + sorted(removed) + ", \"deletes\": " + sorted(deletes) + ", \"removedDeletes\": " + sorted(removedDeletes) + " }";
  }

  static String sorted(List<String> texts) {
    java.util.Collections.sort(texts);
    return texts.toString();
  }

  static String text(String value) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : value.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < 32) out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }

  /** Types that Assay does not read: nothing is expected of them. */
  static final java.util.Set<Type.TypeID> UNREAD = java.util.Set.of(Type.TypeID.VARIANT, Type.TypeID.GEOMETRY, Type.TypeID.GEOGRAPHY);

  /** Every value but nested ones as text that is the same in every language: see README. */
  static String json(Object value, Type type) {
    if (value == null) return "null";
    switch (type.typeId()) {
      case STRUCT: {
        List<String> parts = new ArrayList<>();
        List<NestedField> fields = type.asStructType().fields();
        for (int i = 0; i < fields.size(); i++) if (!UNREAD.contains(fields.get(i).type().typeId())) parts.add(text(fields.get(i).name()) + ": " + json(((StructLike) value).get(i, Object.class), fields.get(i).type()));
        return "{ " + String.join(", ", parts) + " }";
      }
      case LIST:
        return ((List<?>) value).stream().map(one -> json(one, type.asListType().elementType())).toList().toString();
      case MAP: {
        List<String> parts = new ArrayList<>();
        ((Map<?, ?>) value).forEach((key, item) -> parts.add("[" + json(key, type.asMapType().keyType()) + ", " + json(item, type.asMapType().valueType()) + "]"));
        java.util.Collections.sort(parts);
        return parts.toString();
      }
      default:
        return text(plain(value));
    }
  }

  static String plain(Object value) {
    if (value instanceof Float one) return String.format("%08x", Float.floatToIntBits(one));
    if (value instanceof Double one) return String.format("%016x", Double.doubleToLongBits(one));
    if (value instanceof BigDecimal one) return one.toPlainString();
    if (value instanceof LocalDate one) return "" + one.toEpochDay();
    if (value instanceof LocalTime one) return "" + one.toNanoOfDay() / 1000;
    if (value instanceof LocalDateTime one) return nanos(one.toInstant(ZoneOffset.UTC));
    if (value instanceof OffsetDateTime one) return nanos(one.toInstant());
    if (value instanceof ByteBuffer one) return hex(org.apache.iceberg.util.ByteBuffers.toByteArray(one.duplicate()));
    if (value instanceof byte[] one) return hex(one);
    return value.toString();
  }

  static String nanos(java.time.Instant at) {
    return new java.math.BigInteger("" + at.getEpochSecond()).multiply(new java.math.BigInteger("1000000000")).add(new java.math.BigInteger("" + at.getNano())).toString();
  }

  static String hex(byte[] bytes) { return java.util.HexFormat.of().formatHex(bytes); }
}
