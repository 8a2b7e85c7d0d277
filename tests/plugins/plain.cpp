// A plug-in of the tests: two stages that work, and one that misbehaves in the way that its option
// says. It is built as a library, and into a program that hosts ranks itself.
#include "tests/plugins/plain.hpp"

#include <cctype>
#include <cstring>
#include <limelight/plugin.hpp>
#include <limelight/span.hpp>
#include <map>
#include <stdexcept>
#include <thread>

namespace {

using namespace limelight;
using namespace limelight::stages;
namespace prof = limelight::profiling;

// Answers the prompt in capitals. The work is done in a thread of its own, which has spans.
class Shout : public Stage {
 public:
  explicit Shout(const PluginConfig& config) : suffix_(config.option("suffix")) {}
  Result<void> begin(const Request& request) override {
    prompts_[request.number] = request.prompt;
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      std::string text = prompts_.at(turn.request) + suffix_;
      std::thread([&] { capitals(static_cast<std::uint32_t>(turn.request), text); }).join();
      if (auto sent = emit_text(*turn.output, 0, text, true); !sent) turn.error = sent.error();
      turn.state = StepState::done;
    }
    return {};
  }
  void end(std::uint64_t request) override { prompts_.erase(request); }
  std::uint64_t tokens_out(std::uint64_t request) const override {
    return prompts_.at(request).size();
  }

 private:
  static void capitals(std::uint32_t request, std::string& text) {
    static const auto name =
        prof::intern("capitals", prof::Category::cpu_op, prof::ValueKind::number);
    prof::name_thread("shouter");
    const prof::RequestScope scope(request);
    const prof::Span span(name, text.size());
    static const auto shouted =
        prof::intern("bytes to shout", prof::Category::cpu_op, prof::ValueKind::counter);
    prof::set_counter(shouted, text.size());
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const std::string suffix_;
  std::map<std::uint64_t, std::string> prompts_;
};

// Makes a sample of each byte of a text, and remarks what its option says.
class Samples : public Stage {
 public:
  explicit Samples(const PluginConfig& config) : remark_(config.option("remark")) {}
  Result<void> begin(const Request& request) override {
    return open_[request.number] = {}, Result<void>();
  }
  Result<void> consume(std::uint64_t request,
                       int,
                       const ipc::TensorSpec&,
                       std::span<const std::byte> data,
                       bool last) override {
    Open& open = open_.at(request);
    for (const std::byte byte : data) open.samples.push_back(static_cast<float>(byte) / 256);
    open.complete = last;
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      const Open& open = open_.at(turn.request);
      turn.state = open.complete ? StepState::done : StepState::needs_input;
      if (!open.complete) continue;
      auto sent =
          turn.output->emit(0, ipc::TensorSpec::of(ipc::DType::float32, {open.samples.size()}),
                            true, [&](std::span<std::byte> memory) {
                              std::memcpy(memory.data(), open.samples.data(), memory.size());
                            });
      if (!sent) turn.error = sent.error();
    }
    return {};
  }
  void end(std::uint64_t request) override { open_.erase(request); }
  std::uint64_t tokens_out(std::uint64_t request) const override {
    return open_.at(request).samples.size();
  }
  std::vector<std::string> remarks(std::uint64_t) const override {
    if (remark_.empty()) return {};
    return {remark_};
  }

 private:
  struct Open {
    std::vector<float> samples;
    bool complete = false;
  };
  const std::string remark_;
  std::map<std::uint64_t, Open> open_;
};

// Throws, or breaks a rule, where `how` says, for prompts that begin with '!'.
class Bad : public Shout {
 public:
  explicit Bad(const PluginConfig& config) : Shout(config), how_(config.option("how")) {}
  Result<void> begin(const Request& request) override {
    bad_[request.number] = request.prompt.starts_with('!');
    misbehave(request.number, "begin");
    return Shout::begin(request);
  }
  Demand demand(std::uint64_t request) const override {
    misbehave(request, "demand");
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      misbehave(turn.request, "step");
      if (wants(turn.request, "number")) throw 7;
      if (wants(turn.request, "silent")) {
        turn.state = StepState::done;
        continue;
      }
      if (wants(turn.request, "large")) {
        turn.error = emit_text(*turn.output, 0, std::string(100'000, 'x'), true).error();
        continue;
      }
      if (wants(turn.request, "port")) {
        turn.error = turn.output->emit(3, {}, true, [](auto) {}).error();
        continue;
      }
      if (wants(turn.request, "write")) {
        turn.error = turn.output
                         ->emit(0, ipc::TensorSpec::of(ipc::DType::uint8, {1}), true,
                                [](auto) { throw std::runtime_error("no ink"); })
                         .error();
        continue;
      }
      if (auto done = Shout::step({&turn, 1}); !done) return done;
    }
    return {};
  }

 private:
  bool wants(std::uint64_t request, std::string_view where) const {
    return bad_.at(request) && how_ == where;
  }
  void misbehave(std::uint64_t request, std::string_view where) const {
    if (wants(request, where)) throw std::runtime_error("bad on purpose");
  }
  const std::string how_;
  std::map<std::uint64_t, bool> bad_;
};

Result<PluginPorts> samples_ports(const PluginConfig& config) {
  return PluginPorts{.inputs = {{"letters", "text"}},
                     .outputs = {{.name = "audio",
                                  .carries = "audio",
                                  .largest_bytes = 4 * 4096,
                                  .sample_rate = std::stoi(config.option("rate", "24000"))}}};
}

Result<PluginPorts> bad_ports(const PluginConfig& config) {
  PluginPorts ports{.outputs = {{"text", "text", 4096}}};
  const std::string how = config.option("how");
  if (how == "ports") throw std::runtime_error("bad on purpose");
  if (how == "abort") std::abort();
  if (how == "exit") std::exit(0);
  if (how == "unsized") ports.outputs[0].largest_bytes = 0;
  if (how == "twice") ports.outputs.push_back(ports.outputs[0]);
  if (how == "none") ports.outputs.clear();
  if (how == "refuse")
    return Error{ErrorCode::invalid_argument, "'how': found 'refuse', expected something else"};
  return ports;
}
Result<std::unique_ptr<Stage>> make_bad(const PluginConfig& config) {
  if (config.option("how") == "make") throw std::runtime_error("bad on purpose");
  if (config.option("how") == "nothing") return std::unique_ptr<Stage>();
  return std::unique_ptr<Stage>(std::make_unique<Bad>(config));
}

}  // namespace

PluginTypes plain_types() {
  return {plugin_type<Shout>("shout", {.outputs = {{"text", "text", 4096}}}, {"suffix"}),
          {.name = "samples",
           .options = {"rate", "remark"},
           .ports = samples_ports,
           .make = [](const PluginConfig& config) -> Result<std::unique_ptr<Stage>> {
             return std::unique_ptr<Stage>(std::make_unique<Samples>(config));
           }},
          {.name = "bad", .options = {"how"}, .ports = bad_ports, .make = make_bad}};
}
