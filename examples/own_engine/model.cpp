#include "model.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

namespace own_engine {

using limelight::Error;
using limelight::ErrorCode;
using limelight::Result;
using limelight::ipc::DType;
using limelight::ipc::TensorSpec;
using limelight::stages::PluginConfig;

namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_number = 24;  // as text, with a blank behind it

// Thrown inside of this file; read_model() returns it.
struct Refusal {
  std::string option, found, expected;
};

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, 400);
}

// "x=1x4 y=2" as a map; `of`: the names that there are.
std::map<std::string, std::string> pairs(const PluginConfig& config,
                                         const std::string& option,
                                         const std::vector<std::string>& of) {
  std::map<std::string, std::string> all;
  std::istringstream words(config.option(option));
  for (std::string word; words >> word;) {
    const auto equals = word.rfind('=');
    const std::string name = word.substr(0, equals);
    if (equals == std::string::npos || equals + 1 == word.size())
      throw Refusal{option, "'" + word + "'", "<port>=<value>, with blanks between them"};
    if (std::find(of.begin(), of.end(), name) == of.end()) {
      std::string names;
      for (const std::string& one : of) names += (names.empty() ? "" : ", ") + one;
      throw Refusal{option, "'" + name + "'", "a port of the model: " + names};
    }
    all[name] = word.substr(equals + 1);
  }
  return all;
}

// The same for names alone.
std::vector<std::string> names(const PluginConfig& config,
                               const std::string& option,
                               const std::vector<std::string>& of) {
  std::vector<std::string> all;
  std::istringstream words(config.option(option));
  for (std::string word; words >> word; all.push_back(word))
    if (std::find(of.begin(), of.end(), word) == of.end()) {
      std::string known;
      for (const std::string& one : of) known += (known.empty() ? "" : ", ") + one;
      throw Refusal{option, "'" + word + "'", "some of " + known};
    }
  return all;
}

template <class Nodes>
std::vector<std::string> names_of(const Nodes& nodes) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    all.push_back(nodes[i].get_names().empty() ? "port" + std::to_string(i)
                                               : nodes[i].get_any_name());
  return all;
}

void reshape(ov::Model& network, const PluginConfig& config) {
  const std::vector<std::string> inputs = names_of(network.inputs());
  std::map<std::size_t, ov::PartialShape> shapes;
  for (const auto& [name, text] : pairs(config, "shapes", inputs)) {
    std::vector<ov::Dimension> extents;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, 'x');) {
      if (part.empty() || part.size() > 9 ||
          part.find_first_not_of("0123456789") != std::string::npos)
        throw Refusal{"shapes", "'" + text + "'", "whole numbers with x between them"};
      extents.emplace_back(std::stol(part));
    }
    const auto at = std::find(inputs.begin(), inputs.end(), name) - inputs.begin();
    shapes[static_cast<std::size_t>(at)] = ov::PartialShape(extents);
  }
  if (!shapes.empty()) network.reshape(shapes);
}

// Nothing for types that tensors between stages do not have.
std::optional<DType> dtype_of(const ov::element::Type& type) {
  if (type == ov::element::f32) return DType::float32;
  if (type == ov::element::bf16) return DType::bfloat16;
  if (type == ov::element::i64) return DType::int64;
  if (type == ov::element::i32) return DType::int32;
  if (type == ov::element::u8) return DType::uint8;
  return std::nullopt;
}
// The type that others see of a port, to which OpenVINO converts.
ov::element::Type outer_type(const ov::element::Type& type, bool as_text) {
  using namespace ov::element;
  const bool real = type == f32 || type == bf16 || type == f16 || type == f64;
  const bool whole = type == i64 || type == i32 || type == u8 || type == i8 || type == i16 ||
                     type == u16 || type == boolean;
  if (real) return as_text || !dtype_of(type) ? f32 : type;
  if (whole) return as_text ? i64 : dtype_of(type) ? type : i32;
  return dynamic;
}

template <class Nodes>
std::vector<Port> ports(const Nodes& nodes,
                        const char* what,
                        const std::vector<std::string>& as_text,
                        const std::map<std::string, std::string>& carries) {
  const std::vector<std::string> all = names_of(nodes);
  std::vector<Port> found;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Port port{.name = all[i], .carries = {}, .tensor = {}};
    const std::string of = std::string("the ") + what + " '" + port.name + "' ";
    port.as_text = std::find(as_text.begin(), as_text.end(), port.name) != as_text.end();
    const ov::PartialShape shape = nodes[i].get_partial_shape();
    if (shape.is_dynamic())
      throw Refusal{"model", of + "of the dynamic shape " + shape.to_string(),
                    what == std::string("input")
                        ? "a fixed one; the option shapes can state it: " + port.name + "=1x4"
                        : "one that the shapes of the inputs decide"};
    const ov::element::Type type = outer_type(nodes[i].get_element_type(), port.as_text);
    const auto dtype = dtype_of(type);
    if (!dtype)
      throw Refusal{"model", of + "of the type " + nodes[i].get_element_type().get_type_name(),
                    "f64, f32, f16, bf16, i64, i32, i16, i8, u16, u8 or boolean"};
    const ov::Shape extents = shape.to_shape();
    if (extents.size() > TensorSpec::max_extents)
      throw Refusal{"model", of + "of the shape " + shape.to_string(),
                    std::to_string(TensorSpec::max_extents) + " extents at most"};
    port.tensor.dtype = *dtype;
    port.tensor.extents = static_cast<std::uint8_t>(extents.size());
    for (std::size_t e = 0; e < extents.size(); ++e)
      port.tensor.shape[e] = static_cast<std::uint32_t>(extents[e]);
    if (ov::shape_size(extents) == 0 || ov::shape_size(extents) > (std::uint64_t{1} << 27))
      throw Refusal{"model", of + "of the shape " + shape.to_string(), "1 to 2^27 elements"};
    const auto word = carries.find(port.name);
    port.carries = port.as_text            ? "text"
                   : word == carries.end() ? port.tensor.text()
                                           : word->second;
    found.push_back(port);
  }
  return found;
}

Model read(const PluginConfig& config) {
  if (config.option("model").empty()) throw Refusal{"model", "no such option", "a model file"};
  const fs::path file = (config.folder / config.option("model")).lexically_normal();
  std::error_code failed;
  if (!fs::is_regular_file(file, failed))
    throw Refusal{"model", "'" + file.string() + "', which is no file that is there",
                  "an ONNX file, or another that OpenVINO reads"};
  Model model;
  try {
    model.network = ov::Core().read_model(file.string());
  } catch (const std::exception& unread) {
    throw Refusal{"model", "'" + file.string() + "' (" + one_line(unread.what()) + ")",
                  "an ONNX file, or another that OpenVINO reads"};
  }
  try {
    reshape(*model.network, config);
  } catch (const std::exception& wrong) {
    throw Refusal{"shapes", "'" + config.option("shapes") + "' (" + one_line(wrong.what()) + ")",
                  "shapes that the model can have"};
  }
  const auto in = names_of(model.network->inputs()), out = names_of(model.network->outputs());
  std::vector<std::string> both = in;
  both.insert(both.end(), out.begin(), out.end());
  const auto carries = pairs(config, "carries", both);
  const auto from_prompt = names(config, "prompt", in), to_text = names(config, "text", out);
  model.inputs = ports(model.network->inputs(), "input", from_prompt, carries);
  model.outputs = ports(model.network->outputs(), "output", to_text, carries);
  ov::preprocess::PrePostProcessor convert(model.network);
  for (std::size_t i = 0; i < in.size(); ++i)
    convert.input(i).tensor().set_element_type(
        outer_type(model.network->input(i).get_element_type(), model.inputs[i].as_text));
  for (std::size_t i = 0; i < out.size(); ++i)
    convert.output(i).tensor().set_element_type(
        outer_type(model.network->output(i).get_element_type(), model.outputs[i].as_text));
  model.network = convert.build();
  return model;
}

}  // namespace

Result<Model> read_model(const PluginConfig& config) {
  try {
    return read(config);
  } catch (const Refusal& r) {
    return Error{ErrorCode::invalid_argument,
                 "'" + r.option + "': found " + r.found + ", expected " + r.expected};
  }
}

limelight::stages::PluginPorts ports_of(const Model& model) {
  limelight::stages::PluginPorts ports;
  for (const Port& port : model.inputs)
    if (!port.as_text) ports.inputs.push_back({port.name, port.carries});
  for (const Port& port : model.outputs)
    ports.outputs.push_back(
        {port.name, port.carries,
         port.as_text ? port.tensor.elements() * longest_number : port.bytes()});
  return ports;
}

}  // namespace own_engine
