// Reads the rotary embedding of a network that knows only the default kind.
#include "stages/models/hf_files.hpp"
#include "stages/models/rope.hpp"

namespace limelight::stages {

using nlohmann::json;

RopeShape read_default_rope(ConfigKeys& keys, const std::string& at, int dims, int context) {
  RopeParameters rope;
  rope.base = keys.real("rope_theta", 10'000);
  rope.dims = dims;
  rope.context = context;
  const json& stated = keys["rope_parameters"];
  if (!stated.is_null()) {
    if (!stated.is_object()) keys.wrong("rope_parameters", "an object");
    ConfigKeys inner(keys.file(), stated, at + "rope_parameters.");
    rope.base = inner.real("rope_theta", rope.base);
    for (const char* key : {"rope_type", "type"})
      if (inner.has(key) && inner[key] != "default") inner.wrong(key, "default");
    if (!(rope.base > 0)) inner.wrong("rope_theta", "a number above 0");
    inner.refuse_others(false, "such a network");
  }
  if (!keys["rope_scaling"].is_null()) keys.wrong("rope_scaling", "null");
  if (!(rope.base > 0)) keys.wrong("rope_theta", "a number above 0");
  auto made = make_rope(rope);
  if (!made) refuse(keys.file(), at + " " + made.error().message, made.error().code);
  return *made;
}

}  // namespace limelight::stages
