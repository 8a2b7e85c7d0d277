// An engine of your own: a stage that runs a model file by OpenVINO. Its ports are the inputs and
// outputs of the model, and the time of each layer is in the trace of the rank.
//
// What comes in is taken element by element: the model runs whenever each of its inputs has a whole
// tensor, whatever the chunks were that brought them.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limelight/span.hpp>
#include <sstream>
#include <unordered_map>

#include "model.hpp"

namespace own_engine {

namespace prof = limelight::profiling;
using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;
using limelight::ipc::DType;
using limelight::ipc::TensorSpec;
using namespace limelight::stages;

namespace {

std::string number_text(const Port& port, const ov::Tensor& tensor) {
  std::string text;
  char number[32];
  for (std::size_t i = 0; i < tensor.get_size(); ++i) {
    if (port.tensor.dtype == DType::int64)
      std::snprintf(number, sizeof number, "%lld",
                    static_cast<long long>(tensor.data<std::int64_t>()[i]));
    else std::snprintf(number, sizeof number, "%.9g", static_cast<double>(tensor.data<float>()[i]));
    text += (i == 0 ? "" : " ") + std::string(number);
  }
  return text + "\n";
}

// OpenVINO's CPU device computes int64 in 32 bits, and would cut off the rest without a word.
Result<void> check_range(const Port& port, const ov::Tensor& tensor) {
  if (tensor.get_element_type() != ov::element::i64) return {};
  const auto* data = tensor.data<std::int64_t>();
  const auto* wide = std::find_if(data, data + tensor.get_size(), [](std::int64_t value) {
    return value != static_cast<std::int32_t>(value);
  });
  if (wide == data + tensor.get_size()) return {};
  return Error{ErrorCode::invalid_argument, "input '" + port.name + "': found " +
                                                std::to_string(*wide) +
                                                ", expected a number of 32 bits"};
}

template <class Number>
bool read_numbers(std::istream& from, std::size_t count, std::vector<std::byte>& to) {
  for (Number number; count > 0 && from >> number; --count) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    to.insert(to.end(), bytes, bytes + sizeof number);
  }
  return count == 0;
}

}  // namespace

class Engine final : public Stage {
 public:
  Engine(Model model, const ov::CompiledModel& compiled)
      : model_(std::move(model)), run_(ov::CompiledModel(compiled).create_infer_request()) {
    for (std::size_t i = 0; i < model_.inputs.size(); ++i)
      if (!model_.inputs[i].as_text) fed_.push_back(i);
  }

  Result<void> begin(const Request& request) override {
    Open& open = open_[request.number];
    open.data.resize(model_.inputs.size());
    open.ended.resize(fed_.size());
    std::istringstream prompt(request.prompt);
    std::size_t wanted = 0;
    bool enough = true;
    for (std::size_t i = 0; i < model_.inputs.size(); ++i) {
      const Port& port = model_.inputs[i];
      if (!port.as_text) continue;
      wanted += port.tensor.elements();
      enough =
          enough && (port.tensor.dtype == DType::int64
                         ? read_numbers<std::int64_t>(prompt, port.tensor.elements(), open.data[i])
                         : read_numbers<float>(prompt, port.tensor.elements(), open.data[i]));
    }
    std::string more;
    if (!enough || (wanted > 0 && prompt >> more))
      return Error{ErrorCode::invalid_argument, "prompt: found '" + request.prompt +
                                                    "', expected " + std::to_string(wanted) +
                                                    " numbers with blanks between them"};
    return {};
  }

  Result<void> consume(std::uint64_t request,
                       int input,
                       const TensorSpec& tensor,
                       std::span<const std::byte> data,
                       bool last) override {
    const auto at = static_cast<std::size_t>(input);
    const Port& port = model_.inputs[fed_[at]];
    if (tensor.dtype != port.tensor.dtype)
      return Error{ErrorCode::corrupt, "input '" + port.name + "': found " + tensor.text() +
                                           ", expected the type of " + port.tensor.text()};
    Open& open = open_.at(request);
    open.data[fed_[at]].insert(open.data[fed_[at]].end(), data.begin(), data.end());
    open.ended[at] = last;
    return {};
  }

  Result<void> step(std::span<Turn> batch) override {
    for (Turn& turn : batch) {
      auto done = advance(open_.at(turn.request), turn);
      if (!done) turn.error = done.error();
    }
    return {};
  }
  void end(std::uint64_t request) override { open_.erase(request); }
  std::uint64_t tokens_out(std::uint64_t request) const override { return open_.at(request).runs; }

 private:
  struct Open {
    std::vector<std::vector<std::byte>> data;  // by input of the model: what it has not run on
    std::vector<bool> ended;                   // by input of the stage
    std::uint64_t runs = 0;
  };

  Result<void> advance(Open& open, Turn& turn) {
    bool ready = !fed_.empty() || open.runs == 0, ended = true;
    std::string left;
    for (std::size_t i = 0; i < fed_.size(); ++i) {
      const Port& port = model_.inputs[fed_[i]];
      const std::size_t there = open.data[fed_[i]].size();
      ready = ready && there >= port.bytes();
      ended = ended && open.ended[i];
      if (there > 0)
        left = std::to_string(there / limelight::ipc::size_of(port.tensor.dtype)) +
               " elements more for the input '" + port.name + "'";
    }
    if (ready) return infer(open, turn);
    turn.state = ended ? StepState::done : StepState::needs_input;
    if (!ended) return {};
    if (open.runs == 0 || !left.empty())
      return Error{ErrorCode::corrupt, "found " + (left.empty() ? "nothing to run on" : left) +
                                           ", expected whole tensors for all inputs"};
    for (std::size_t o = 0; o < model_.outputs.size(); ++o) {  // the end came after the last tensor
      const Port& port = model_.outputs[o];
      const DType type = port.as_text ? DType::uint8 : port.tensor.dtype;
      auto sent =
          turn.output->emit(static_cast<int>(o), TensorSpec::of(type, {0}), true, [](auto) {});
      if (!sent) return sent;
    }
    return {};
  }

  // Runs the model once on the first tensor of each input, and sends what comes out.
  Result<void> infer(Open& open, Turn& turn) {
    for (std::size_t i = 0; i < model_.inputs.size(); ++i) {
      ov::Tensor tensor = run_.get_input_tensor(i);
      std::copy_n(open.data[i].data(), tensor.get_byte_size(),
                  static_cast<std::byte*>(tensor.data()));
      if (auto good = check_range(model_.inputs[i], tensor); !good) return good;
    }
    bool last = true;
    for (std::size_t i = 0; i < fed_.size(); ++i) {
      auto& data = open.data[fed_[i]];
      data.erase(data.begin(),
                 data.begin() + static_cast<std::ptrdiff_t>(model_.inputs[fed_[i]].bytes()));
      last = last && open.ended[i] && data.empty();
    }
    compute();
    ++open.runs;
    turn.state = last ? StepState::done : StepState::more;
    for (std::size_t o = 0; o < model_.outputs.size(); ++o) {
      const Port& port = model_.outputs[o];
      const ov::Tensor tensor = run_.get_output_tensor(o);
      auto sent =
          port.as_text
              ? emit_text(*turn.output, static_cast<int>(o), number_text(port, tensor), last)
              : turn.output->emit(static_cast<int>(o), port.tensor, last,
                                  [&](std::span<std::byte> to) {
                                    std::copy_n(static_cast<const std::byte*>(tensor.data()),
                                                to.size(), to.begin());
                                  });
      if (!sent) return sent;
    }
    return {};
  }

  void compute() {
    static const auto name = prof::intern("openvino.infer");
    const prof::Span span(name);
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t begin = prof::ticks();
    run_.infer();
    const std::uint64_t end = prof::ticks();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    if (span.begin_ticks() != 0)
      record_layers(begin, end, static_cast<double>(end - begin) / took.count());
  }

  // OpenVINO measures how long each layer took, in microseconds, and not when it began: they are
  // drawn one after the other, in its order.
  void record_layers(std::uint64_t begin, std::uint64_t end, double ticks_per_us) {
    std::uint64_t at = begin;
    for (const ov::ProfilingInfo& layer : run_.get_profiling_info()) {
      if (layer.status != ov::ProfilingInfo::Status::EXECUTED) continue;
      auto& name = names_[layer.node_type + " " + layer.node_name];
      if (!name) name = prof::intern(layer.node_type + " " + layer.node_name);
      const auto took = static_cast<double>(layer.real_time.count()) * ticks_per_us;
      const std::uint64_t until = std::min(end, at + static_cast<std::uint64_t>(took));
      prof::add_span(*name, at, until);
      at = until;
    }
  }

  const Model model_;
  ov::InferRequest run_;
  std::vector<std::size_t> fed_;  // by input of the stage: which of the model's it is
  std::unordered_map<std::string, std::optional<prof::NameId>> names_;  // of layers
  std::unordered_map<std::uint64_t, Open> open_;
};

Result<PluginPorts> ports(const PluginConfig& config) {
  const auto model = read_model(config);
  if (!model) return model.error();
  return ports_of(*model);
}

Result<std::unique_ptr<Stage>> make(const PluginConfig& config) {
  auto model = read_model(config);
  if (!model) return model.error();
  const ov::CompiledModel compiled = ov::Core().compile_model(
      model->network, "CPU", ov::inference_num_threads(config.cpu_threads),
      ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
      ov::hint::inference_precision(ov::element::f32), ov::enable_profiling(true));
  return std::unique_ptr<Stage>(std::make_unique<Engine>(std::move(model).value(), compiled));
}

}  // namespace own_engine

LIMELIGHT_PLUGIN({{.name = "openvino",
                   .options = own_engine::option_names,
                   .ports = own_engine::ports,
                   .make = own_engine::make}})
