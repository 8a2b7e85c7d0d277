#include "stages/plugin_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <fstream>
#include <set>

namespace limelight::stages {

namespace {

namespace fs = std::filesystem;

constexpr const char* entry_name = "limelight_plugin";

PluginTypes& hosted() {
  static PluginTypes types;
  return types;
}

Error refuse(const char* key, const std::string& found, const std::string& expected) {
  return {ErrorCode::invalid_argument,
          "'" + std::string(key) + "': found " + found + ", expected " + expected};
}

// What the dynamic loader would say less clearly.
Result<void> check_file(const fs::path& library) {
  std::error_code failed;
  const fs::file_status status = fs::status(library, failed);
  const std::string name = "'" + library.string() + "'";
  if (!fs::exists(status))
    return refuse("library", name + ", which is not there", "a shared library");
  if (!fs::is_regular_file(status))
    return refuse(
        "library",
        name + ", which is " + (fs::is_directory(status) ? "a folder" : "no regular file"),
        "a shared library");
  std::ifstream in(library, std::ios::binary);
  char magic[4] = {};
  if (!in) return refuse("library", name + ", which cannot be read", "a shared library");
  if (!in.read(magic, sizeof magic) || std::string_view(magic, sizeof magic) !=
                                           "\x7f"
                                           "ELF")
    return refuse("library", name + ", which is no ELF file", "a shared library");
  return {};
}

bool is_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

// The types of one library or program can be told apart and are complete. where: a key.
Result<void> check_types(const PluginTypes& types, const std::string& owner) {
  std::set<std::string> names;
  for (const PluginType& type : types) {
    if (!is_name(type.name))
      return refuse("library", owner + " with a stage named '" + type.name + "'",
                    "a name of letters, digits, '_' and '-'");
    if (!names.insert(type.name).second)
      return refuse("library", owner + " with two stages named '" + type.name + "'",
                    "a name for each");
    if (!type.ports || !type.make)
      return refuse("library",
                    owner + " whose stage '" + type.name + "' has no function " +
                        (type.ports ? "make" : "ports"),
                    "both ports and make");
  }
  return {};
}

}  // namespace

void host_types(PluginTypes types) { hosted() = std::move(types); }

Result<const PluginTypes*> load_plugin(const fs::path& library) {
  if (auto good = check_file(library); !good) return good.error();
  const std::string name = "'" + library.string() + "'";
  const auto why = [] {
    const char* text = ::dlerror();
    return std::string(text == nullptr ? "for a reason that the loader does not say" : text);
  };
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  const std::string missing = handle == nullptr ? why() : "";
  // A library of another version may miss symbols, and its version says more.
  if (handle == nullptr) handle = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr)
    return refuse("library", name + ", which cannot be loaded (" + missing + ")",
                  "a shared library");
  auto* entry = reinterpret_cast<LimelightPluginEntry*>(::dlsym(handle, entry_name));
  if (entry == nullptr)
    return refuse("library", name + " without the symbol " + entry_name,
                  "a library that defines it (LIMELIGHT_PLUGIN in limelight/plugin.hpp)");
  try {
    const LimelightPlugin* plugin = entry();
    if (plugin == nullptr)
      return refuse("library", name + ", whose " + entry_name + "() returns nothing", "a plug-in");
    if (plugin->abi != LIMELIGHT_PLUGIN_ABI)
      return refuse("library",
                    name + " with the plug-in interface " + std::to_string(plugin->abi) +
                        " (of Limelight " + (plugin->limelight ? plugin->limelight : "?") + ")",
                    "the interface " + std::to_string(LIMELIGHT_PLUGIN_ABI) +
                        " (of Limelight " LIMELIGHT_VERSION "): build it against these headers");
    const std::string built_with = plugin->library == nullptr ? "nothing" : plugin->library;
    if (built_with != LIMELIGHT_CXX_LIBRARY)
      return refuse("library", name + " built with " + built_with,
                    LIMELIGHT_CXX_LIBRARY ": both share the classes of that library");
    if (!missing.empty())
      return refuse("library", name + ", which cannot be loaded (" + missing + ")",
                    "a library that needs no other symbols than those of the public headers and "
                    "of what it links");
    if (plugin->types == nullptr || plugin->types->empty())
      return refuse("library", name + " without a stage", "one or more");
    if (auto good = check_types(*plugin->types, name); !good) return good.error();
    return plugin->types;
  } catch (const std::exception& failed) {
    return refuse("library", name + ", whose " + entry_name + "() throws '" + failed.what() + "'",
                  "a plug-in");
  } catch (...) {
    return refuse("library", name + ", whose " + entry_name + "() throws", "a plug-in");
  }
}

Result<const PluginType*> find_plugin_type(const fs::path& library, const std::string& name) {
  const PluginTypes* types = &hosted();
  if (!library.empty()) {
    auto loaded = load_plugin(library);
    if (!loaded) return loaded.error();
    types = *loaded;
  } else if (types->empty()) {
    return refuse("library", "no such key",
                  "the path of a shared library: this program has no stages of its own");
  } else if (auto good = check_types(*types, "a program"); !good) {
    return good.error();
  }
  std::string names;
  for (const PluginType& type : *types) {
    if (type.name == name || (name.empty() && types->size() == 1)) return &type;
    names += (names.empty() ? "" : ", ") + type.name;
  }
  return refuse("model_stage", name.empty() ? "no such key" : "'" + name + "'",
                (types->size() == 1 ? "" : "one of ") + names);
}

}  // namespace limelight::stages
