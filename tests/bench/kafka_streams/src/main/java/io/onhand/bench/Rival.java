package io.onhand.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Movements to stock with Kafka Streams: one thread, its cache writes each changed key once a commit.
 *
 * <p>Rival BOOTSTRAP SOURCE COUNT memory|rocksdb GUARANTEE FOLDER APP TARGET... goes through the source once for each
 * target, and prints how long the first and the last of these took: the JVM compiles while the first runs.
 */
public final class Rival {
  private static final String STORE = "stock";
  private static final long CACHE = 128L << 20;
  private static final int BATCH = 512 << 10;

  /**
   * Outputs leave with a commit, and a channel that hears of a sale later than this sells what is gone. It is the library's own
   * value for exactly once; for at least once that would be half a minute. -Dcommit=1000 tries another.
   */
  private static final int COMMIT_MS = Integer.getInteger("commit", 100);

  private Rival() {}

  static Topology topology(String source, String target, boolean onDisk) {
    var movements = Consumed.with(Serdes.String(), Json.of(Movement.class));
    var stock = Json.of(Stock.class);
    var store = onDisk ? Stores.persistentKeyValueStore(STORE) : Stores.inMemoryKeyValueStore(STORE);
    var builder = new StreamsBuilder();
    builder.stream(source, movements)
        .peek((sku, movement) -> Clock.take())
        .groupByKey()
        .aggregate(
            Stock::new,
            (sku, movement, before) -> before.after(sku, movement),
            Materialized.<String, Stock>as(store)
                .withKeySerde(Serdes.String())
                .withValueSerde(stock)
                .withCachingEnabled())
        .toStream()
        .to(target, Produced.with(Serdes.String(), stock));
    return builder.build();
  }

  static Properties settings(String bootstrap, String guarantee, String folder, String app) {
    var settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, app);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_MS);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
    // on a machine with other work a member that lost its place would count twice
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 120_000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), BATCH);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    settings.put(
        StreamsConfig.producerPrefix(ProducerConfig.INTERCEPTOR_CLASSES_CONFIG), Clock.class.getName());
    return settings;
  }

  /** Goes through the source once. */
  static void pass(Topology topology, Properties settings, long count) throws InterruptedException {
    Clock.expect(count);
    try (var streams = new KafkaStreams(topology, settings)) {
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
          });
      streams.start();
      Clock.await();
      streams.close(Duration.ofMinutes(1)); // commits: what is cached is written, and acknowledged
    }
  }

  /** The most memory that was resident, in MB. */
  static double megabytes() throws java.io.IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToDouble(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024.0)
        .sum();
  }

  public static void main(String[] arguments) throws Exception {
    var count = Long.parseLong(arguments[2]);
    var targets = List.of(arguments).subList(7, arguments.length);
    var cold = 0.0;
    for (var target : targets) {
      var topology = topology(arguments[1], target, arguments[3].equals("rocksdb"));
      var app = arguments[6] + targets.indexOf(target);
      pass(topology, settings(arguments[0], arguments[4], arguments[5], app), count);
      cold = cold == 0.0 ? Clock.seconds() : cold;
    }
    var found =
        Map.of(
            "seconds", Clock.seconds(),
            "cpu", Clock.cpu(),
            "broker", Clock.broker(),
            "megabytes", megabytes(),
            "cold", cold);
    System.out.println(Json.line(found));
  }
}
