// What Prometheus reads at /metrics: the names of vLLM and vLLM-Omni behind the prefix limelight:.
// All on the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <limelight/status.hpp>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "actors/telemetry/span_exporter.hpp"

namespace limelight::http {

// A histogram of Prometheus: of each bound, how many values are not above it.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void add(double value);
  // labels: such as `stage="0"`; may be empty.
  void write(const std::string& name, const std::string& labels, std::string& to) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // of each interval; the last one has no bound
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

// When a client got what of one answer.
struct AnswerTimes {
  std::chrono::steady_clock::time_point start = {}, first_text = {}, first_sound = {}, last = {};
  double sound_s = 0;  // its length
};

// Sums over the answers that a replica worked for.
struct StageSums {
  double time_s = 0;
  std::uint64_t answers = 0, tokens = 0;
  double batch = 0;  // mean sizes, added up
};
// One way of chunks between replicas, and sums over them.
struct Hop {
  int from_stage = 0, from_replica = 0, to_stage = 0, to_replica = 0;
  bool operator<(const Hop& other) const {
    return std::tie(from_stage, from_replica, to_stage, to_replica) <
           std::tie(other.from_stage, other.from_replica, other.to_stage, other.to_replica);
  }
};
struct HopSums {
  std::uint64_t chunks = 0, bytes = 0;
  double tx_s = 0, in_flight_s = 0, rx_s = 0;
};

class Metrics {
 public:
  Metrics();
  void count_answer(const RequestOutput& output, const AnswerTimes& times);
  void count_http(const std::string& route, int status);
  void count_trace(const RankTrace& trace);  // that is finished
  std::string text(const PipelineStatus& status,
                   const std::string& model,
                   std::size_t connections,
                   bool draining) const;
  static std::string text(const telemetry::ExportCounts& spans);
  const std::map<std::pair<int, int>, StageSums>& stages() const { return stages_; }
  const std::map<Hop, HopSums>& transfers() const { return transfers_; }
  std::uint64_t answers() const;  // however they ended

 private:
  std::map<std::string, std::uint64_t> finished_;  // by reason
  std::uint64_t prompt_tokens_ = 0, output_tokens_ = 0, retries_ = 0;
  std::uint64_t traces_ = 0, trace_events_ = 0, trace_bytes_ = 0, trace_drops_ = 0;
  double trace_cpu_s_ = 0;
  Histogram e2e_, first_token_, token_time_, prompt_size_, output_size_;
  Histogram first_sound_, sound_length_, sound_factor_;
  std::map<std::pair<int, int>, StageSums> stages_;  // by stage and replica
  std::map<Hop, HopSums> transfers_;
  std::map<std::pair<std::string, int>, std::uint64_t> http_;
};

}  // namespace limelight::http
