#include "bench/chaos_load.hpp"

#include <filesystem>
#include <fstream>

namespace limelight::bench {

const char* const chaos_pipeline = R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy, weights_seed: 1,
        model_shape: {layers: 2, hidden: 128, heads: 4, kv_heads: 2, head_dim: 32, mlp: 256,
          vocab: 512, max_model_len: 512}}
    final_output: true
    final_output_type: text
    default_sampling_params: {max_tokens: 40}
  - stage_id: 1
    num_replicas: 2
    engine_args: {model_stage: talker, load_format: dummy, weights_seed: 2,
        model_shape: {layers: 2, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 128,
          input_hidden: 128, codebooks: 2, codebook_size: 64, chunk_frames: 5, max_model_len: 256}}
    engine_input_source: [0]
    default_sampling_params: {max_tokens: 50}
  - stage_id: 2
    engine_args: {model_stage: code2wav, load_format: dummy, weights_seed: 3,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          codebooks: 2, codebook_size: 64, channels: 16, upsampling: [2, 4]}}
    engine_input_source: [1]
    final_output: true
    final_output_type: audio
runtime:
  defaults: {max_inflight: 8}
  edges: [{from: 0, to: 1, window_size: 4}, {from: 1, to: 2, window_size: 4}]
)";

std::vector<ChaosRequest> chaos_requests() {
  std::vector<ChaosRequest> all;
  for (int i = 0; i < 24; ++i) {
    ChaosRequest request;
    for (int word = 0; word <= i % 7 * 5; ++word) {
      request.prompt += "word";
      request.prompt += std::to_string(word * i) + " ";
    }
    request.seed = static_cast<std::uint64_t>(i);
    request.temperature = i % 2 == 0 ? 0.0f : 0.8f;
    request.max_tokens = 4 + i * 3 % 40;
    request.text_alone = i % 3 == 0;
    all.push_back(std::move(request));
  }
  return all;
}

bool is_called(pid_t pid, const std::string& name) {
  std::string found;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), found);
  return pid > 0 && found == name.substr(0, 15);
}

double anonymous_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stod(line.substr(8));
  return 0;
}

std::set<std::string> shared_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
    if (const std::string name = entry.path().filename(); name.starts_with("limelight-"))
      names.insert(name);
  return names;
}

}  // namespace limelight::bench
