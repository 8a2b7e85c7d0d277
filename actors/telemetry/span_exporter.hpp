// Sends spans to a collector of OpenTelemetry by OTLP over HTTP, in batches, from a thread of its
// own.
//
// add() never waits: what comes while the queue is full is dropped and counted. A collector that
// does not answer is tried again some times, with longer and longer pauses; the log says once that
// it is away, and once that it is back. Any thread may call add() and counts().
#pragma once

#include <chrono>
#include <cstdint>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/telemetry/span.hpp"

namespace limelight::telemetry {

struct ExportOptions {
  std::string endpoint = {};                     // such as http://127.0.0.1:4318/v1/traces
  Attributes resource = {};                      // service.name and what else the spans are from
  std::size_t most_waiting = 8192, batch = 512;  // spans
  std::chrono::milliseconds interval{1000};      // a batch waits no longer
  std::chrono::milliseconds answer_time{5000};   // of the collector
  std::chrono::milliseconds first_pause{1000};   // before another try; then twice as long
  std::chrono::milliseconds flush_time{2000};    // at the end
  int tries = 5;                                 // of a batch
};

struct ExportCounts {
  std::uint64_t sent = 0, dropped = 0;  // spans
};

// What all spans of a program are from: service.name (of the variable OTEL_SERVICE_NAME, else
// limelight), its version, process and command.
Attributes resource_of(const std::string& command);

class SpanExporter {
 public:
  // Errors: invalid_argument (the endpoint is no URL of http or https with a path).
  static Result<std::unique_ptr<SpanExporter>> open(ExportOptions options);
  // Sends what waits, within flush_time, and says in the log what came of all spans.
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;

  void add(std::vector<Span> spans);
  ExportCounts counts() const;

 private:
  class Worker;
  explicit SpanExporter(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> worker_;
};

}  // namespace limelight::telemetry
