// A pipeline from a model's folder, and from a deploy config of vLLM-Omni 0.30 where there is one:
// the model says which stages there are (topologies.hpp), the config how they are run (keys.hpp,
// merge.hpp). What comes out is a stage config as docs/config.md describes it, as text: the ranks
// read that, whatever becomes of the files in the meantime.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <vector>

#include "stages/deploy/keys.hpp"
#include "stages/deploy/topologies.hpp"

namespace limelight::stages::deploy {

struct Wish {
  std::filesystem::path model = {};   // a folder or a file; empty: none was named
  std::filesystem::path config = {};  // empty: what the kind of model usually has
  std::string overrides = {};         // as --stage-overrides has them; empty: none
};

struct Resolved {
  std::string kind;                 // of the model
  std::string text;                 // a stage config
  std::vector<std::string> places;  // where each line of it comes from
  IgnoredKeys ignored;
  std::shared_ptr<const ModelFile> model;  // nullptr: it is not one that a thinker reads
};

// instead: stages in place of those that the model says it has; nullptr: those. Errors: not_found
// (the config, or the model), invalid_argument (everything else; names the file, the line and the
// key, or the kind of model that is not supported).
Result<Resolved> resolve(const Wish& wish, const Topology* instead = nullptr);

// What the top level of a YAML file says it is.
enum class FileKind { stage_config, deploy_config, neither };
FileKind kind_of_file(const std::filesystem::path& file);

}  // namespace limelight::stages::deploy
