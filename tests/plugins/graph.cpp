// A plug-in of the tests whose stages can be joined to any graph without cycles. A source counts, a
// relay adds a number to each row, and a join adds the rows of all of its inputs, one by one. An
// input without any row, such as an attachment that a request does not have, counts as 0.
#include <charconv>
#include <chrono>
#include <cstring>
#include <deque>
#include <limelight/plugin.hpp>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

namespace {

using namespace limelight;
using namespace limelight::stages;

std::int64_t number(const std::string& text, std::int64_t otherwise) {
  std::int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<void> emit_row(Output& to, std::int64_t value, bool last) {
  return to.emit(
      0, ipc::TensorSpec::of(ipc::DType::int64, {1}), last,
      [&](std::span<std::byte> memory) { std::memcpy(memory.data(), &value, sizeof value); });
}

// What a stage that computes for long does: nothing, for `ms` milliseconds a row.
class Slow {
 public:
  explicit Slow(const PluginConfig& config) : ms_(number(config.option("ms"), 0)) {}
  void work() const {
    if (ms_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms_));
  }

 private:
  std::int64_t ms_;
};

// Emits 0, 1, 2, ... : as many rows as the prompt says.
class Source final : public Stage {
 public:
  explicit Source(const PluginConfig& config) : slow_(config) {}
  Result<void> begin(const Request& request) override {
    const std::int64_t rows = number(request.prompt, 0);
    if (rows < 1) return Error{ErrorCode::invalid_argument, "expected a number of rows"};
    return open_[request.number].rows = rows, Result<void>();
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      Open& open = open_.at(turn.request);
      slow_.work();
      const bool last = open.sent + 1 == open.rows;
      if (auto sent = emit_row(*turn.output, open.sent++, last); !sent) turn.error = sent.error();
      if (last) turn.state = StepState::done;
    }
    return {};
  }
  void end(std::uint64_t request) override { open_.erase(request); }

 private:
  struct Open {
    std::int64_t rows = 0, sent = 0;
  };
  const Slow slow_;
  std::map<std::uint64_t, Open> open_;
};

// Several inputs, of which each step reads one row each.
class Adder : public Stage {
 public:
  Adder(const PluginConfig& config, std::size_t inputs)
      : add_(number(config.option("add"), 0)), inputs_(inputs), slow_(config) {}
  Result<void> begin(const Request& request) override {
    return open_[request.number].resize(inputs_), Result<void>();
  }
  Result<void> consume(std::uint64_t request,
                       int input,
                       const ipc::TensorSpec&,
                       std::span<const std::byte> data,
                       bool last) override {
    Input& to = open_.at(request).at(static_cast<std::size_t>(input));
    if (to.complete) return Error{ErrorCode::corrupt, "found a row after the last one"};
    for (std::size_t at = 0; at + sizeof(std::int64_t) <= data.size(); at += sizeof(std::int64_t)) {
      std::int64_t value = 0;
      std::memcpy(&value, data.data() + at, sizeof value);
      to.rows.push_back(value);
    }
    to.complete = last;
    to.absent = last && to.absent && to.rows.empty();
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      auto& inputs = open_.at(turn.request);
      turn.state = StepState::needs_input;
      if (std::any_of(inputs.begin(), inputs.end(), [](const Input& one) {
            return one.rows.empty() && !(one.complete && one.absent);
          }))
        continue;
      slow_.work();
      std::int64_t sum = add_;
      bool last = false;
      for (Input& one : inputs) {
        if (one.complete && one.absent) continue;
        sum += one.rows.front();
        one.rows.pop_front();
        last = last || (one.complete && one.rows.empty());
      }
      turn.state = last ? StepState::done : StepState::more;
      if (auto sent = put(*turn.output, sum, last); !sent) turn.error = sent.error();
    }
    return {};
  }
  void end(std::uint64_t request) override { open_.erase(request); }

 protected:
  virtual Result<void> put(Output& to, std::int64_t sum, bool last) {
    return emit_row(to, sum, last);
  }

 private:
  struct Input {
    std::deque<std::int64_t> rows;
    bool complete = false, absent = true;
  };
  const std::int64_t add_;
  const std::size_t inputs_;
  const Slow slow_;
  std::map<std::uint64_t, std::vector<Input>> open_;
};

class Relay final : public Adder {
 public:
  explicit Relay(const PluginConfig& config) : Adder(config, 1) {}
};

// The names of its inputs are words of the option `inputs`.
std::vector<PortType> join_inputs(const PluginConfig& config) {
  std::vector<PortType> inputs;
  std::istringstream words(config.option("inputs"));
  for (std::string word; words >> word;) inputs.push_back({word, "row"});
  return inputs;
}

// Its sums are a text, a word each.
class Join final : public Adder {
 public:
  explicit Join(const PluginConfig& config) : Adder(config, join_inputs(config).size()) {}

 private:
  Result<void> put(Output& to, std::int64_t sum, bool last) override {
    return emit_text(to, 0, std::to_string(sum) + " ", last);
  }
};

Result<PluginPorts> join_ports(const PluginConfig& config) {
  return PluginPorts{.inputs = join_inputs(config), .outputs = {{"text", "text", 64}}};
}
Result<std::unique_ptr<Stage>> make_join(const PluginConfig& config) {
  return std::unique_ptr<Stage>(std::make_unique<Join>(config));
}

}  // namespace

LIMELIGHT_PLUGIN(
    {plugin_type<Source>("source", {.outputs = {{"rows", "row", 8}}}, {"ms"}),
     plugin_type<Relay>("relay",
                        {.inputs = {{"in", "row"}}, .outputs = {{"out", "row", 8}}},
                        {"add", "ms"}),
     {.name = "join", .options = {"inputs", "add", "ms"}, .ports = join_ports, .make = make_join}})
