// Values of JSON by their types. Each function throws a Refusal that names the key, what was found
// and what was expected. Any thread may call them.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace limelight::formats {

// A value as an error shows it: short, and UTF-8.
std::string show(const nlohmann::json& value);

float number(const nlohmann::json& value, const std::string& key);
int whole(const nlohmann::json& value, const std::string& key);  // within +- 2e9
std::vector<int> wholes(const nlohmann::json& value, const std::string& key);
bool truth(const nlohmann::json& value, const std::string& key);
std::string text(const nlohmann::json& value,
                 const std::string& key,
                 const char* expected = "a text");

// What is done with the value of a key. key: with the place, for messages.
using Handler = std::function<void(const nlohmann::json& value, const std::string& key)>;
using Handlers = std::map<std::string, Handler>;

enum class UnknownKeys { refused, ignored };

// Calls the handler of each key of the object, but for null. where: stands before each key.
void read_object(const nlohmann::json& object,
                 const std::string& where,
                 const std::initializer_list<const Handlers*>& known,
                 UnknownKeys unknown = UnknownKeys::refused);

}  // namespace limelight::formats
