#include "stages/models/jinja/variables.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "stages/models/jinja/objects.hpp"

namespace limelight::stages::jinja {

namespace {

using Json = nlohmann::ordered_json;

Value to_value(const Json& json, int depth) {
  if (depth > max_value_depth)
    fail("variables: found lists or objects that are nested deeper than " +
         std::to_string(max_value_depth));
  switch (json.type()) {
    case Json::value_t::null: return Value::none();
    case Json::value_t::boolean: return Value::of(json.get<bool>());
    case Json::value_t::number_integer: return Value::of(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return Value::of(static_cast<std::int64_t>(number));
      return Value::of(std::make_shared<BigInteger>(std::to_string(number)));
    }
    case Json::value_t::number_float: return Value::of(json.get<double>());
    case Json::value_t::string: return Value::of(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& item : json) items.push_back(to_value(item, depth + 1));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      Dict dict;
      for (const auto& [key, item] : json.items())
        dict.set(Value::of(key), to_value(item, depth + 1));
      return Value::of(std::move(dict));
    }
    default: fail("variables: found binary data, expected what JSON can express");
  }
}

}  // namespace

void add_variables(const nlohmann::ordered_json& variables,
                   std::unordered_map<std::string, Value>& out) {
  if (!variables.is_object())
    fail(std::string("variables: found a value of type ") + variables.type_name() +
         ", expected an object");
  for (const auto& [name, value] : variables.items()) out[name] = to_value(value, 0);
}

}  // namespace limelight::stages::jinja
