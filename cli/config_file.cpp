#include "cli/config_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "base/try.hpp"

namespace limelight::cli {

namespace {

class FlagFile {
 public:
  FlagFile(CLI::App& command, std::string file, const std::vector<std::string>& not_in_file)
      : command_(command), file_(std::move(file)), not_in_file_(not_in_file) {}

  Result<void> apply(const YAML::Node& root) {
    if (root.IsNull()) return {};
    if (!root.IsMap()) return wrong(root, "", "found no map, expected keys such as port: 8091");
    for (const auto& entry : root) LIMELIGHT_TRY(apply(entry.first, entry.second));
    return check_needs();
  }

 private:
  Error wrong(const YAML::Node& at, const std::string& key, const std::string& what) const {
    std::string text = file_ + ":" + std::to_string(at.Mark().line + 1) + ": ";
    if (!key.empty()) text += "key '" + key + "': ";
    return {ErrorCode::invalid_argument, text + what};
  }

  // The flag that a key means; nullptr: none.
  CLI::Option* find(const std::string& key) const {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', '-');
    if (name.empty() || name == "help" || has(not_in_file_, name)) return nullptr;
    return command_.get_option_no_throw("--" + name);
  }
  static bool has(const std::vector<std::string>& list, const std::string& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  }

  Result<void> apply(const YAML::Node& at, const YAML::Node& value) {
    if (!at.IsScalar()) return wrong(at, "", "found a key that is no text");
    const std::string key = at.Scalar();
    CLI::Option* option = find(key);
    if (option == nullptr)
      return wrong(at, key.substr(0, 60),
                   "found an unknown key, expected a flag of `limelight " + command_.get_name() +
                       "`, such as port");
    if (!seen_.insert(option).second) return wrong(at, key, "found it twice, expected it once");
    std::vector<std::string> values;
    const bool many = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (value.IsScalar()) values = {value.Scalar()};
    else if (value.IsSequence() && many)
      for (const YAML::Node& one : value) {
        if (!one.IsScalar()) return wrong(one, key, "found a list in it, expected texts");
        values.push_back(one.Scalar());
      }
    if (values.empty() || std::any_of(values.begin(), values.end(),
                                      [](const std::string& text) { return text.empty(); }))
      return wrong(value.IsNull() ? at : value, key,
                   many ? "expected a text, or a list of texts" : "expected one value");
    if (option->count() > 0) return {};     // the command line or the environment says it
    if (option->get_expected_max() == 0) {  // a switch
      if (values.front() != "true" && values.front() != "false")
        return wrong(value, key, "found '" + values.front() + "', expected true or false");
      if (values.front() == "false") return {};
    }
    try {
      option->add_result(values);
      option->run_callback();
    } catch (const CLI::Error& failed) {
      return wrong(value, key, failed.what());
    }
    return {};
  }

  Result<void> check_needs() const {
    for (CLI::Option* option : command_.get_options())
      for (const CLI::Option* other : option->get_needs())
        if (option->count() > 0 && other->count() == 0)
          return Error{ErrorCode::invalid_argument, file_ + ": found " + option->get_name() +
                                                        " without " + other->get_name() +
                                                        ", expected both"};
    return {};
  }

  CLI::App& command_;
  const std::string file_;
  const std::vector<std::string>& not_in_file_;
  std::set<const CLI::Option*> seen_;
};

}  // namespace

Result<void> apply_config_file(CLI::App& command,
                               const std::filesystem::path& file,
                               const std::vector<std::string>& not_in_file) {
  YAML::Node root;
  try {
    root = YAML::LoadFile(file.string());
  } catch (const YAML::BadFile&) {
    return Error{ErrorCode::not_found, file.string() + ": cannot read this file of flags"};
  } catch (const YAML::Exception& failed) {
    return Error{ErrorCode::invalid_argument,
                 file.string() + ":" + std::to_string(failed.mark.line + 1) + ": " + failed.msg};
  }
  return FlagFile(command, file.string(), not_in_file).apply(root);
}

}  // namespace limelight::cli
