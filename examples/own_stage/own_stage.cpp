// A stage of your own: it answers a prompt with its words in reverse order, one in each step.
#include <limelight/plugin.hpp>
#include <limelight/span.hpp>
#include <map>

using namespace limelight;
using namespace limelight::stages;

class Reverse final : public Stage {
 public:
  explicit Reverse(const PluginConfig& config) : between_(config.option("between", " ")) {}
  Result<void> begin(const Request& request) override {
    left_[request.number] = request.prompt;
    return {};
  }
  Result<void> step(std::span<Turn> batch) override {
    static const auto name = profiling::intern("reverse");  // in the trace of the rank
    for (Turn& turn : batch) {
      const profiling::Span span(name);
      std::string& left = left_[turn.request];
      const std::size_t blank = left.rfind(' ');
      const bool last = blank == std::string::npos;
      const std::string word = left.substr(last ? 0 : blank + 1) + (last ? "" : between_);
      left.resize(last ? 0 : blank);
      if (auto sent = emit_text(*turn.output, 0, word, last); !sent) turn.error = sent.error();
      turn.state = last ? StepState::done : StepState::more;
    }
    return {};
  }
  void end(std::uint64_t request) override { left_.erase(request); }

 private:
  const std::string between_;
  std::map<std::uint64_t, std::string> left_;  // by request
};

LIMELIGHT_PLUGIN(
    {plugin_type<Reverse>("reverse", {.outputs = {{"text", "text", 4096}}}, {"between"})})
