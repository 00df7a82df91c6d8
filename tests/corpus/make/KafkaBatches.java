import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

/** The records of one batch, as the Java client of Kafka compresses them: what stands behind the batch's header. Arguments: the folder, the seed. */
class KafkaBatches {
  static final int RECORDS = 300;
  static final int WORDS = 30;
  static final int VENUES = 50;
  static final int HEADER_BYTES = 61;

  public static void main(String[] arguments) throws Exception {
    for (CompressionType type : new CompressionType[] {CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD}) {
      Random random = new Random(Long.parseLong(arguments[1]));
      MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.CURRENT_MAGIC_VALUE, Compression.of(type).build(), TimestampType.CREATE_TIME, 0L);
      for (int i = 0; i < RECORDS; i++) {
        StringBuilder value = new StringBuilder("trade " + i + " ");
        for (int word = 0; word < WORDS; word++) value.append("venue-").append(random.nextInt(VENUES)).append(' ');
        builder.append(1_700_000_000_000L + i, ("key-" + i % 7).getBytes(), value.toString().getBytes());
      }
      ByteBuffer written = builder.build().buffer();
      byte[] records = new byte[written.remaining() - HEADER_BYTES];
      written.position(written.position() + HEADER_BYTES).get(records);
      Files.write(Path.of(arguments[0], type.name + ".bin"), records);
    }
  }
}
