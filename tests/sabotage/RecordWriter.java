import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends by Kafka's own Java client the batches it is given on standard input, a JSON list, one behind the other, and answers with
 * their offsets, on one line. It knows nothing of Assay.
 */
public class RecordWriter {
  static final ObjectMapper json = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    ArrayNode answers = json.createArrayNode();
    for (JsonNode wish : json.readTree(System.in)) answers.add(send(args[0], wish));
    System.out.println(json.writeValueAsString(answers));
  }

  /** `transaction` is how it ends, `commit` or `abort`; without it records are sent idempotently. */
  static ArrayNode send(String bootstrap, JsonNode wish) throws Exception {
    String transaction = wish.path("transaction").asText("");
    ArrayNode offsets = json.createArrayNode();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings(bootstrap, wish))) {
      if (!transaction.isEmpty()) {
        producer.initTransactions();
        producer.beginTransaction();
      }
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (JsonNode record : wish.get("records")) sent.add(producer.send(recordOf(wish.get("topic").asText(), record)));
      producer.flush();
      for (Future<RecordMetadata> one : sent) offsets.add(one.get().offset());
      if (transaction.equals("commit")) producer.commitTransaction();
      if (transaction.equals("abort")) producer.abortTransaction();
    }
    return offsets;
  }

  static Map<String, Object> settings(String bootstrap, JsonNode wish) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    settings.put("enable.idempotence", true);
    settings.put("acks", "all");
    settings.put("linger.ms", 50);
    settings.put("compression.type", wish.path("compression").asText("none"));
    if (wish.has("transaction")) settings.put("transactional.id", wish.get("transactionalId").asText());
    return settings;
  }

  static ProducerRecord<byte[], byte[]> recordOf(String topic, JsonNode record) throws Exception {
    byte[] key = record.get("key").asText().getBytes(StandardCharsets.UTF_8);
    ProducerRecord<byte[], byte[]> made =
        new ProducerRecord<>(topic, record.get("partition").asInt(), key, record.get("value").binaryValue());
    for (var header : record.get("headers").properties())
      made.headers().add(header.getKey(), header.getValue().asText().getBytes(StandardCharsets.UTF_8));
    return made;
  }
}
