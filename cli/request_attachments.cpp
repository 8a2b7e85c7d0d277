#include "cli/request_attachments.hpp"

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "actors/formats/refusal.hpp"

namespace limelight::cli {

using formats::Refusal;
using formats::refuse;
using ipc::DType;
using nlohmann::json;
using stages::most_attachment_bytes;

namespace {

std::string show(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60);
}

DType read_dtype(const json& value, const std::string& key) {
  std::string all;
  for (const DType one :
       {DType::uint8, DType::int32, DType::int64, DType::float32, DType::bfloat16}) {
    if (value == ipc::to_string(one)) return one;
    all += (all.empty() ? "" : ", ") + std::string(ipc::to_string(one));
  }
  refuse(key, show(value), "one of " + all);
}

std::vector<std::uint64_t> read_shape(const json& value, const std::string& key) {
  const std::string expected =
      "a list of at most " + std::to_string(ipc::TensorSpec::max_extents) + " whole numbers";
  if (!value.is_array() || value.size() > ipc::TensorSpec::max_extents)
    refuse(key, show(value), expected);
  std::vector<std::uint64_t> shape;
  for (const json& extent : value) {
    if (!extent.is_number_unsigned() ||
        extent.get<std::uint64_t>() >= std::numeric_limits<std::uint32_t>::max())
      refuse(key, show(extent), expected);
    shape.push_back(extent);
  }
  return shape;
}

template <class T>
void store(std::vector<std::byte>& to, std::size_t at, T value) {
  std::memcpy(to.data() + at * sizeof value, &value, sizeof value);
}

// One element. Numbers that the type cannot hold are refused, but for rounding of floats.
void set_element(std::vector<std::byte>& to,
                 std::size_t at,
                 DType dtype,
                 const json& value,
                 const std::string& key) {
  const auto whole = [&](std::int64_t least, std::int64_t most) {
    const bool fits = value.is_number_integer() &&
                      !(value.is_number_unsigned() &&
                        value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) &&
                      value.get<std::int64_t>() >= least;
    if (!fits)
      refuse(key, show(value),
             "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return value.get<std::int64_t>();
  };
  switch (dtype) {
    case DType::uint8: return store(to, at, static_cast<std::uint8_t>(whole(0, 255)));
    case DType::int32:
      return store(to, at,
                   static_cast<std::int32_t>(whole(std::numeric_limits<std::int32_t>::min(),
                                                   std::numeric_limits<std::int32_t>::max())));
    case DType::int64:
      return store(to, at,
                   whole(std::numeric_limits<std::int64_t>::min(),
                         std::numeric_limits<std::int64_t>::max()));
    case DType::float32: {
      if (!value.is_number() || !std::isfinite(value.get<float>()))
        refuse(key, show(value), "a number that a float32 can hold");
      return store(to, at, value.get<float>());
    }
    case DType::bfloat16: refuse(key, "a list", "a file: JSON has no bfloat16");
  }
}

std::vector<std::byte> read_elements(const std::filesystem::path& file,
                                     std::uint64_t bytes,
                                     const std::string& key) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed || !std::filesystem::is_regular_file(file))
    refuse(key, "'" + file.string() + "'", "a file that can be read");
  if (size != bytes)
    refuse(key, "'" + file.string() + "' of " + std::to_string(size) + " bytes",
           std::to_string(bytes) + ", which the tensor has");
  std::vector<std::byte> data(bytes);
  std::ifstream in(file, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes)))
    refuse(key, "'" + file.string() + "'", "a file that can be read");
  return data;
}

Attachment read_attachment(const std::string& name,
                           const json& value,
                           const std::filesystem::path& folder) {
  const std::string where = "attachments." + name;
  const char* expected = "an object with the keys dtype, shape, and values or file";
  if (!value.is_object()) refuse(where, show(value), expected);
  for (const auto& [key, ignored] : value.items())
    if (key != "dtype" && key != "shape" && key != "values" && key != "file")
      refuse(where + "." + key, "an unknown key", "one of dtype, shape, values, file");
  if (!value.contains("dtype") || !value.contains("shape") ||
      value.contains("values") == value.contains("file"))
    refuse(where, show(value), expected);
  Attachment made{.name = name};
  const DType dtype = read_dtype(value["dtype"], where + ".dtype");
  const auto shape = read_shape(value["shape"], where + ".shape");
  made.tensor.dtype = dtype;
  made.tensor.extents = static_cast<std::uint8_t>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i)
    made.tensor.shape[i] = static_cast<std::uint32_t>(shape[i]);
  const auto bytes = made.tensor.bytes();
  if (!bytes || *bytes > most_attachment_bytes)
    refuse(where + ".shape", show(value["shape"]),
           "a tensor of at most " + std::to_string(most_attachment_bytes) + " bytes");
  if (value.contains("file")) {
    if (!value["file"].is_string()) refuse(where + ".file", show(value["file"]), "a path");
    made.data = read_elements(folder / value["file"].get<std::string>(), *bytes, where + ".file");
    return made;
  }
  const json& values = value["values"];
  if (!values.is_array() || values.size() != made.tensor.elements())
    refuse(where + ".values",
           values.is_array() ? std::to_string(values.size()) + " values" : show(values),
           "a list of " + std::to_string(made.tensor.elements()) + " numbers for " +
               made.tensor.text());
  made.data.resize(*bytes);
  for (std::size_t i = 0; i < values.size(); ++i)
    set_element(made.data, i, dtype, values[i], where + ".values[" + std::to_string(i) + "]");
  return made;
}

}  // namespace

Result<std::vector<Attachment>> read_attachments(const json& value,
                                                 const std::filesystem::path& folder) {
  std::vector<Attachment> all;
  try {
    if (!value.is_object()) refuse("attachments", show(value), "an object of tensors by name");
    for (const auto& [name, tensor] : value.items())
      all.push_back(read_attachment(name, tensor, folder));
  } catch (const Refusal& refusal) {
    return Error{ErrorCode::invalid_argument, refusal.text};
  }
  return all;
}

}  // namespace limelight::cli
