// Why keys of deploy configs are ignored or refused, for the tables of them.
#pragma once

namespace limelight::stages::deploy::reasons {

// Why a key changes nothing here.
inline constexpr const char* compiled = "nothing is compiled or captured here";
inline constexpr const char* no_code = "no code of a model is run";
inline constexpr const char* loading = "files are mapped, not loaded";
inline constexpr const char* speed = "it changes how fast vLLM-Omni computes, not what";
inline constexpr const char* transport = "stages exchange chunks through shared memory";
inline constexpr const char* service = "it concerns vLLM-Omni's server";
inline constexpr const char* topology = "the model says which stages there are";
inline constexpr const char* placing = "ranks are processes, placed by `devices`";
inline constexpr const char* media = "no stage here reads images, sound or video";
inline constexpr const char* other_model = "no model that is supported here reads it";
// Why a key is refused.
inline constexpr const char* weights = "weights are computed with as the model's files have them";
inline constexpr const char* one_model = "the model is the one that --model names";
inline constexpr const char* diffusion = "it belongs to diffusion, which no stage here computes";
inline constexpr const char* parallel =
    "a stage is split by tensor_parallel_size and num_replicas alone";
inline constexpr const char* tokenized = "the tokenizer is the model's";
inline constexpr const char* sampled = "no such step is in the sampler here";

inline constexpr const char* turns = "a session has turns here";
inline constexpr const char* own_traces = "Limelight's own profiler writes the traces";

}  // namespace limelight::stages::deploy::reasons
