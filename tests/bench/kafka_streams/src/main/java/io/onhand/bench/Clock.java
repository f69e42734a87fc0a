package io.onhand.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** When the first movement was at hand, when all had been taken, and when the last write was acknowledged. */
public final class Clock implements ProducerInterceptor<byte[], byte[]> {
  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  private static CountDownLatch taken;
  private static long left;
  private static long began;
  private static long beganCpu;
  private static double beganBroker;
  private static volatile long acknowledged;

  static void expect(long count) {
    taken = new CountDownLatch(1);
    left = count;
    began = 0;
  }

  /** Called by the one stream thread for every movement. */
  static void take() {
    if (began == 0) {
      beganBroker = brokerSoFar();
      beganCpu = SYSTEM.getProcessCpuTime();
      began = System.nanoTime();
    }
    if (--left == 0) {
      taken.countDown();
    }
  }

  static void await() throws InterruptedException {
    taken.await();
  }

  static double seconds() {
    return (acknowledged - began) / 1e9;
  }

  static double cpu() {
    return (SYSTEM.getProcessCpuTime() - beganCpu) / 1e9;
  }

  /** What the broker worked meanwhile. */
  static double broker() {
    return brokerSoFar() - beganBroker;
  }

  /** The broker's seconds of CPU so far: user and system time, which the kernel counts in hundredths. */
  private static double brokerSoFar() {
    try {
      var stat = Files.readString(Path.of("/proc", System.getenv("ONHAND_BROKER_PID"), "stat"));
      var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public void onAcknowledgement(RecordMetadata metadata, Exception error) {
    acknowledged = System.nanoTime();
  }

  @Override
  public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
    return record;
  }

  @Override
  public void close() {}

  @Override
  public void configure(Map<String, ?> configs) {}
}
