// The models that --model can name, as data: which stages each kind of model consists of. A kind is
// what `model_type` in config.json says, or `pipeline` in a deploy config of vLLM-Omni. A model
// with other stages is one more row.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::stages::deploy {

// A stage of a kind of model. Its id is its place in the row, as in vLLM-Omni.
struct TopologyStage {
  std::string stage;              // the name of a stage type
  std::vector<int> sources = {};  // ids of stages; what each edge carries follows from the ports
  // Of several edges from each source: the port that each leaves and enters, by one name. Empty:
  // one edge.
  std::vector<std::string> ports = {};
  std::string output_type = {};        // "text" or "audio" for the user; empty: none
  bool loads_model = true;             // it opens the files that --model names
  std::optional<int> max_tokens = {};  // where neither a config nor the model states it
  // default_sampling_params where a deploy config is silent: JSON, such as {"top_k": 50}.
  std::string sampling = "{}";
  bool reads_chunks = false;  // the keys of a connector that say how many frames are in a chunk
};
struct Topology {
  std::string name;
  std::vector<TopologyStage> stages;
};

// Nothing if there is no row for it.
std::optional<Topology> find_topology(std::string_view name);
std::string topology_names();  // for messages, such as "gemma2, llama and qwen2"

// "model X is not supported", and what is.
std::string not_supported(const std::string& name);

// Of the model at `path`, a folder or a file. Errors: not_found, corrupt and unavailable (a kind of
// model that is not supported, by its name).
Result<Topology> topology_of(const std::filesystem::path& path);
// The kind of model that a file of vLLM-Omni is for, by its name, such as "qwen3_tts" for
// "qwen3_tts_high_concurrency.yaml". Empty: the name says nothing.
std::string kind_by_file_name(const std::filesystem::path& file);

}  // namespace limelight::stages::deploy
