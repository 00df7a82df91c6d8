import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.Metrics;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.RewriteFiles;
import org.apache.iceberg.RowDelta;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.data.parquet.GenericParquetReaders;
import org.apache.iceberg.data.parquet.GenericParquetWriter;
import org.apache.iceberg.deletes.BaseDVFileWriter;
import org.apache.iceberg.deletes.DVFileWriter;
import org.apache.iceberg.deletes.EqualityDeleteWriter;
import org.apache.iceberg.deletes.PositionDelete;
import org.apache.iceberg.deletes.PositionDeleteWriter;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.OutputFileFactory;
import org.apache.iceberg.parquet.Parquet;
import org.apache.iceberg.rest.RESTCatalog;
import org.apache.iceberg.types.Types;

/**
 * Writes to one Iceberg table by Iceberg's own Java API what it is told on standard input, a JSON object a line, and
 * answers each with a line. It knows nothing of Assay.
 */
public class TableWriter {
  static final ObjectMapper json = new ObjectMapper();

  static final Schema SCHEMA = new Schema(
      Types.NestedField.optional(1, "trade_id", Types.StringType.get()),
      Types.NestedField.optional(2, "symbol", Types.StringType.get()),
      Types.NestedField.optional(3, "venue", Types.StringType.get()),
      Types.NestedField.optional(4, "side", Types.StringType.get()),
      Types.NestedField.optional(5, "price", Types.DecimalType.of(18, 6)),
      Types.NestedField.optional(6, "quantity", Types.DecimalType.of(18, 4)),
      Types.NestedField.optional(7, "notional", Types.DecimalType.of(38, 10)),
      Types.NestedField.optional(8, "traded_at", Types.LongType.get()),
      Types.NestedField.optional(9, "note", Types.StringType.get()),
      Types.NestedField.optional(10, "attributes",
          Types.MapType.ofOptional(15, 16, Types.StringType.get(), Types.StringType.get())),
      Types.NestedField.optional(11, "_kafka_metadata_topic", Types.StringType.get()),
      Types.NestedField.optional(12, "_kafka_metadata_partition", Types.IntegerType.get()),
      Types.NestedField.optional(13, "_kafka_metadata_offset", Types.LongType.get()),
      Types.NestedField.optional(14, "_kafka_metadata_timestamp", Types.LongType.get()));

  final RESTCatalog catalog = new RESTCatalog();
  TableIdentifier id;

  TableWriter(Map<String, String> environment, TableIdentifier id) {
    this.id = id;
    catalog.initialize("rest", Map.of(
        "uri", environment.get("PIPELINE_CATALOG_URL"),
        "io-impl", "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint", environment.get("PIPELINE_S3_ENDPOINT"),
        "s3.path-style-access", "true",
        "s3.access-key-id", environment.get("PIPELINE_S3_ACCESS_KEY"),
        "s3.secret-access-key", environment.get("PIPELINE_S3_SECRET_KEY"),
        "client.region", environment.get("PIPELINE_S3_REGION")));
  }

  public static void main(String[] args) throws Exception {
    TableWriter writer = new TableWriter(System.getenv(), TableIdentifier.of(args[0], args[1]));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      ObjectNode answer = json.createObjectNode();
      try {
        writer.perform(json.readTree(line), answer);
      } catch (Exception error) {
        answer.put("error", error.toString());
      }
      System.out.println(json.writeValueAsString(answer));
    }
  }

  void perform(JsonNode wish, ObjectNode answer) throws Exception {
    switch (wish.get("op").asText()) {
      case "create" -> create(wish);
      case "warm-up" -> warmUp(wish);
      case "append" -> append(wish, answer);
      case "append-many" -> appendMany(wish, answer);
      case "append-again" -> appendAgain(wish);
      case "rewrite" -> rewrite(wish);
      case "overwrite" -> overwrite(wish);
      case "delete-rows" -> deleteRows(wish, answer);
      case "upsert" -> upsert(wish);
      case "delete-file" -> table().newDelete().deleteFile(wish.get("path").asText()).commit();
      case "rewrite-manifests" -> table().rewriteManifests().clusterBy(file -> "one").commit();
      case "empty-commit" -> table().newAppend().commit();
      case "expire" -> table().expireSnapshots().expireOlderThan(System.currentTimeMillis()).retainLast(1).commit();
      case "rollback" -> table().manageSnapshots().rollbackTo(wish.get("snapshotId").asLong()).commit();
      case "branch" -> table().manageSnapshots().createBranch(wish.get("branch").asText()).commit();
      case "tag" -> table().manageSnapshots().createTag(wish.get("tag").asText(), table().currentSnapshot().snapshotId()).commit();
      case "fast-forward" -> table().manageSnapshots().fastForwardBranch("main", wish.get("branch").asText()).commit();
      case "cherry-pick" -> table().manageSnapshots().cherrypick(wish.get("snapshotId").asLong()).commit();
      case "evolve" -> evolve(wish);
      case "where" -> where(answer);
      case "drop" -> catalog.dropTable(id, false);
      default -> throw new IllegalArgumentException("no such op: " + wish.get("op").asText());
    }
    if (!catalog.tableExists(id)) return;
    Snapshot current = table().currentSnapshot();
    if (current != null) answer.put("snapshotId", Long.toString(current.snapshotId()));
  }

  Table table() {
    return catalog.loadTable(id);
  }

  /** Where the metadata of the table stands, and what its current snapshot wrote besides files of rows. */
  void where(ObjectNode answer) {
    Table table = table();
    answer.put("metadata", ((HasTableOperations) table).operations().current().metadataFileLocation());
    Snapshot current = table.currentSnapshot();
    answer.put("manifestList", current.manifestListLocation());
    for (ManifestFile manifest : current.allManifests(table.io()))
      if (manifest.snapshotId() == current.snapshotId()) answer.put("manifest", manifest.path());
  }

  /** The first commits of a fresh process take seconds, which are no lateness of the pipeline: they go to a table of their own. */
  void warmUp(JsonNode wish) throws Exception {
    TableIdentifier own = id;
    id = TableIdentifier.of(own.namespace(), own.name() + "_warm_up");
    try {
      create(wish);
      append(wish, json.createObjectNode());
      rewrite(json.createObjectNode());
      catalog.dropTable(id, false);
    } finally {
      id = own;
    }
  }

  void create(JsonNode wish) {
    Namespace namespace = id.namespace();
    if (!catalog.namespaceExists(namespace)) catalog.createNamespace(namespace);
    Map<String, String> properties = new HashMap<>();
    properties.put("format-version", wish.path("formatVersion").asText("2"));
    for (var entries = wish.path("properties").fields(); entries.hasNext(); ) {
      var entry = entries.next();
      properties.put(entry.getKey(), entry.getValue().asText());
    }
    PartitionSpec spec = wish.path("partitionBy").isTextual()
        ? PartitionSpec.builderFor(SCHEMA).identity(wish.get("partitionBy").asText()).build()
        : PartitionSpec.unpartitioned();
    catalog.createTable(id, SCHEMA, spec, properties);
  }

  /** `rows` into one data file, by one commit; what the manifest says of the file may be made to differ from it. */
  void append(JsonNode wish, ObjectNode answer) throws Exception {
    Table table = table();
    AppendFiles append = table.newFastAppend();
    if (wish.has("branch")) append.toBranch(wish.get("branch").asText());
    if (wish.path("staged").asBoolean()) append.stageOnly();
    for (DataFile file : dataFiles(table, rows(table, wish.get("rows")))) {
      answer.put("path", file.location());
      append.appendFile(asTold(file, wish.path("told")));
    }
    append.commit();
    if (wish.path("staged").asBoolean()) {
      long newest = 0;
      for (Snapshot snapshot : table().snapshots()) if (snapshot.sequenceNumber() >= newest) {
        newest = snapshot.sequenceNumber();
        answer.put("stagedId", Long.toString(snapshot.snapshotId()));
      }
    }
  }

  /**
   * `count` rows made of `row`, at source offsets from that of `row` on: to identity and time the number of each is added. `changed` rows,
   * by offset, take the place of their own.
   */
  void appendMany(JsonNode wish, ObjectNode answer) throws Exception {
    Table table = table();
    Record first = rows(table, json.createArrayNode().add(wish.get("row"))).get(0);
    Map<Long, Record> changed = new HashMap<>();
    for (Record record : rows(table, wish.path("changed"))) changed.put((Long) record.getField("_kafka_metadata_offset"), record);
    long offset = (Long) first.getField("_kafka_metadata_offset");
    long tradedAt = (Long) first.getField("traded_at");
    DataWriter<Record> writer = fileWriter(table);
    try (writer) {
      for (long number = 0; number < wish.get("count").asLong(); number++) {
        Record record = first.copy();
        record.setField("trade_id", idOf(first) + number);
        record.setField("traded_at", tradedAt + number);
        record.setField("_kafka_metadata_offset", offset + number);
        writer.write(changed.getOrDefault(offset + number, record));
      }
    }
    answer.put("path", writer.toDataFile().location());
    table.newFastAppend().appendFile(writer.toDataFile()).commit();
  }

  /** The live files once more, as a writer does that repeats a commit it takes for lost. */
  void appendAgain(JsonNode wish) throws Exception {
    Table table = table();
    AppendFiles append = table.newFastAppend();
    for (DataFile file : liveFiles(table)) if (file.location().equals(wish.get("path").asText())) append.appendFile(file);
    append.commit();
  }

  DataFile asTold(DataFile file, JsonNode told) {
    if (told.isMissingNode()) return file;
    Schema schema = table().schema();
    int symbol = schema.findField("symbol").fieldId();
    int note = schema.findField("note").fieldId();
    Map<Integer, ByteBuffer> lower = new HashMap<>(file.lowerBounds());
    Map<Integer, ByteBuffer> upper = new HashMap<>(file.upperBounds());
    Map<Integer, Long> values = new HashMap<>(file.valueCounts());
    Map<Integer, Long> nulls = new HashMap<>(file.nullValueCounts());
    if (told.has("lowerSymbol")) lower.put(symbol, bytesOf(told.get("lowerSymbol")));
    if (told.has("upperSymbol")) upper.put(symbol, bytesOf(told.get("upperSymbol")));
    values.merge(note, told.path("moreNotes").asLong(0), Long::sum);
    nulls.merge(note, told.path("moreNullNotes").asLong(0), Long::sum);
    return DataFiles.builder(table().specs().get(file.specId()))
        .withPath(file.location())
        .withFormat(FileFormat.PARQUET)
        .withPartition(file.partition())
        .withFileSizeInBytes(file.fileSizeInBytes() + told.path("moreBytes").asLong(0))
        .withMetrics(new Metrics(file.recordCount() + told.path("moreRecords").asLong(0), file.columnSizes(), values, nulls,
            file.nanValueCounts(), lower, upper))
        .build();
  }

  static ByteBuffer bytesOf(JsonNode text) {
    return ByteBuffer.wrap(text.asText().getBytes(StandardCharsets.UTF_8));
  }

  /** All live files into one for each partition, as compaction does; `without`, `twice` and `changed` (row by id) are what it gets wrong. */
  void rewrite(JsonNode wish) throws Exception {
    Table table = table();
    Set<DataFile> old = new HashSet<>(liveFiles(table));
    RewriteFiles rewrite = table.newRewrite();
    rewrite.rewriteFiles(old, new HashSet<>(dataFiles(table, altered(table, wish, readAll(table)))));
    rewrite.commit();
  }

  /** The same, by an overwrite: rows may come and go. */
  void overwrite(JsonNode wish) throws Exception {
    Table table = table();
    var overwrite = table.newOverwrite();
    for (DataFile file : liveFiles(table)) overwrite.deleteFile(file);
    for (DataFile file : dataFiles(table, altered(table, wish, readAll(table)))) overwrite.addFile(file);
    overwrite.commit();
  }

  List<Record> altered(Table table, JsonNode wish, List<Record> records) {
    Set<String> without = texts(wish.path("without"));
    Set<String> twice = texts(wish.path("twice"));
    Map<String, Record> changed = new HashMap<>();
    if (wish.has("changed")) for (Record record : rows(table, wish.get("changed"))) changed.put(idOf(record), record);
    List<Record> kept = new ArrayList<>();
    for (Record record : records) {
      String key = idOf(record);
      if (without.contains(key)) continue;
      Record now = changed.getOrDefault(key, record);
      kept.add(now);
      if (twice.contains(key)) kept.add(now);
    }
    if (wish.has("rows")) kept.addAll(rows(table, wish.get("rows")));
    return kept;
  }

  /** `ids` by `by`: positions, equality, or vectors (format version 3). */
  void deleteRows(JsonNode wish, ObjectNode answer) throws Exception {
    Table table = table();
    Set<String> ids = texts(wish.get("ids"));
    RowDelta delta = table.newRowDelta();
    List<DeleteFile> files = switch (wish.get("by").asText()) {
      case "equality" -> equalityDeletes(table, ids);
      case "positions" -> positionDeletes(table, ids);
      case "vectors" -> vectors(table, ids);
      default -> throw new IllegalArgumentException("by " + wish.get("by").asText());
    };
    for (DeleteFile file : files) {
      delta.addDeletes(file);
      answer.put("path", file.location());
    }
    delta.commit();
  }

  /** `rows` in place of those of the same id: equality deletes and new rows in one commit. */
  void upsert(JsonNode wish) throws Exception {
    Table table = table();
    List<Record> records = rows(table, wish.get("rows"));
    Set<String> ids = new HashSet<>();
    for (Record record : records) ids.add(idOf(record));
    RowDelta delta = table.newRowDelta();
    for (DeleteFile file : equalityDeletes(table, ids)) delta.addDeletes(file);
    for (DataFile file : dataFiles(table, records)) delta.addRows(file);
    delta.commit();
  }

  /** Positions of rows by live data file, where it has any of these. */
  Map<DataFile, List<Long>> positionsOf(Table table, List<DataFile> files, Set<String> ids) throws Exception {
    Map<DataFile, List<Long>> positions = new LinkedHashMap<>();
    for (DataFile file : files) {
      long position = 0;
      for (Record record : read(table, file)) {
        if (ids.contains(idOf(record))) positions.computeIfAbsent(file, key -> new ArrayList<>()).add(position);
        position++;
      }
    }
    return positions;
  }

  List<DeleteFile> vectors(Table table, Set<String> ids) throws Exception {
    OutputFileFactory files = OutputFileFactory.builderFor(table, 1, 1).format(FileFormat.PUFFIN).build();
    DVFileWriter writer = new BaseDVFileWriter(files, path -> null);
    try (writer) {
      for (var entry : positionsOf(table, liveFiles(table), ids).entrySet()) {
        DataFile file = entry.getKey();
        for (long position : entry.getValue())
          writer.delete(file.location(), position, table.specs().get(file.specId()), file.partition());
      }
    }
    return writer.result().deleteFiles();
  }

  /** One file for each partition that has any of them, by the spec of its data files. */
  List<DeleteFile> equalityDeletes(Table table, Set<String> ids) throws Exception {
    Schema key = table.schema().select("trade_id");
    List<DeleteFile> deletes = new ArrayList<>();
    for (List<DataFile> files : liveByPartition(table)) {
      Set<String> here = new HashSet<>();
      for (DataFile file : files) for (Record record : read(table, file)) if (ids.contains(idOf(record))) here.add(idOf(record));
      if (here.isEmpty()) continue;
      DataFile any = files.get(0);
      EqualityDeleteWriter<Record> writer = Parquet.writeDeletes(newFile(table))
          .createWriterFunc(GenericParquetWriter::create)
          .forTable(table).rowSchema(key).equalityFieldIds(List.of(1))
          .withSpec(table.specs().get(any.specId())).withPartition(any.partition())
          .overwrite().buildEqualityWriter();
      try (writer) {
        for (String one : here) {
          Record record = GenericRecord.create(key);
          record.setField("trade_id", one);
          writer.write(record);
        }
      }
      deletes.add(writer.toDeleteFile());
    }
    return deletes;
  }

  /** The same, of their positions. */
  List<DeleteFile> positionDeletes(Table table, Set<String> ids) throws Exception {
    List<DeleteFile> deletes = new ArrayList<>();
    for (List<DataFile> files : liveByPartition(table)) {
      Map<DataFile, List<Long>> positions = positionsOf(table, files, ids);
      if (positions.isEmpty()) continue;
      DataFile any = files.get(0);
      PositionDeleteWriter<Record> writer = Parquet.writeDeletes(newFile(table))
          .createWriterFunc(GenericParquetWriter::create)
          .withSpec(table.specs().get(any.specId())).withPartition(any.partition())
          .overwrite().buildPositionWriter();
      try (writer) {
        PositionDelete<Record> delete = PositionDelete.create();
        for (var entry : positions.entrySet())
          for (long position : entry.getValue()) writer.write(delete.set(entry.getKey().location(), position));
      }
      deletes.add(writer.toDeleteFile());
    }
    return deletes;
  }

  void evolve(JsonNode wish) {
    var update = table().updateSchema();
    switch (wish.get("how").asText()) {
      case "rename" -> update.renameColumn(wish.get("column").asText(), wish.get("to").asText());
      case "add" -> update.addColumn(wish.get("column").asText(), Types.StringType.get());
      case "drop" -> update.deleteColumn(wish.get("column").asText());
      case "reorder" -> update.moveFirst(wish.get("column").asText());
      case "widen" -> update.updateColumn(wish.get("column").asText(), Types.fromPrimitiveString(wish.path("type").asText("long")));
      case "partition" -> {
        String column = wish.get("column").asText();
        if (wish.path("transform").asText().equals("identity")) table().updateSpec().addField(column).commit();
        else table().updateSpec().addField(Expressions.bucket(column, 4)).commit();
        return;
      }
      default -> throw new IllegalArgumentException("how " + wish.get("how").asText());
    }
    update.commit();
  }

  static Set<String> texts(JsonNode list) {
    Set<String> texts = new HashSet<>();
    for (JsonNode one : list) texts.add(one.asText());
    return texts;
  }

  static String idOf(Record record) {
    return String.valueOf(record.getField("trade_id"));
  }

  List<DataFile> liveFiles(Table table) throws Exception {
    List<DataFile> files = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = table.newScan().includeColumnStats().planFiles()) {
      for (FileScanTask task : tasks) files.add(task.file());
    }
    return files;
  }

  /** Live files by the partition they are in, each spec for itself, and in the order of their paths. */
  Iterable<List<DataFile>> liveByPartition(Table table) throws Exception {
    Map<String, List<DataFile>> parts = new LinkedHashMap<>();
    List<DataFile> live = liveFiles(table);
    live.sort(Comparator.comparing(DataFile::location));
    for (DataFile file : live) parts.computeIfAbsent(file.specId() + " " + file.partition(), key -> new ArrayList<>()).add(file);
    return parts.values();
  }

  List<Record> readAll(Table table) throws Exception {
    List<Record> records = new ArrayList<>();
    for (DataFile file : liveFiles(table)) records.addAll(read(table, file));
    return records;
  }

  List<Record> read(Table table, DataFile file) throws Exception {
    List<Record> records = new ArrayList<>();
    Schema schema = table.schema();
    try (CloseableIterable<Record> rows = Parquet.read(table.io().newInputFile(file.location())).project(schema)
        .createReaderFunc(shape -> GenericParquetReaders.buildReader(schema, shape)).build()) {
      for (Record row : rows) records.add(row);
    }
    return records;
  }

  OutputFile newFile(Table table) {
    return table.io().newOutputFile(table.location() + "/data/" + UUID.randomUUID() + ".parquet");
  }

  /** One file for each partition of the table's current spec; of an unpartitioned table, one. */
  List<DataFile> dataFiles(Table table, List<Record> records) throws Exception {
    PartitionSpec spec = table.spec();
    PartitionKey key = new PartitionKey(spec, table.schema());
    InternalRecordWrapper wrapper = new InternalRecordWrapper(table.schema().asStruct());
    Map<PartitionKey, List<Record>> parts = new LinkedHashMap<>();
    for (Record record : records) {
      key.partition(wrapper.wrap(record));
      parts.computeIfAbsent(key.copy(), part -> new ArrayList<>()).add(record);
    }
    List<DataFile> files = new ArrayList<>();
    for (var part : parts.entrySet()) {
      DataWriter<Record> writer = Parquet.writeData(newFile(table)).forTable(table)
          .createWriterFunc(GenericParquetWriter::create).withSpec(spec).withPartition(part.getKey()).overwrite().build();
      try (writer) {
        for (Record record : part.getValue()) writer.write(record);
      }
      files.add(writer.toDataFile());
    }
    return files;
  }

  DataWriter<Record> fileWriter(Table table) throws Exception {
    return Parquet.writeData(newFile(table)).forTable(table)
        .createWriterFunc(GenericParquetWriter::create).withSpec(PartitionSpec.unpartitioned()).overwrite().build();
  }

  List<Record> rows(Table table, JsonNode rows) {
    List<Record> records = new ArrayList<>();
    for (JsonNode row : rows) {
      Record record = GenericRecord.create(table.schema());
      for (Types.NestedField field : table.schema().columns()) {
        JsonNode value = row.path(field.name());
        if (!value.isMissingNode() && !value.isNull()) record.setField(field.name(), valueOf(field, value));
      }
      records.add(record);
    }
    return records;
  }

  static Object valueOf(Types.NestedField field, JsonNode value) {
    return switch (field.type().typeId()) {
      case STRING -> value.asText();
      case INTEGER -> value.asInt();
      case LONG -> Long.parseLong(value.asText());
      case DECIMAL -> new BigDecimal(value.asText()).setScale(((Types.DecimalType) field.type()).scale());
      case MAP -> {
        Map<String, String> map = new HashMap<>();
        for (var entries = value.fields(); entries.hasNext(); ) {
          var entry = entries.next();
          map.put(entry.getKey(), entry.getValue().asText());
        }
        yield map;
      }
      default -> throw new IllegalArgumentException("type of " + field);
    };
  }
}
