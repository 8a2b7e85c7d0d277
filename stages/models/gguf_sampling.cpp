// How the authors of a GGUF model would have it sample: the converter writes these keys from what
// generation_config.json says, whose meanings they keep here.
#include <cmath>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/sampling_params.hpp"

namespace limelight::stages {

namespace {

const std::string at = "general.sampling.";

// Those of methods that are not used without another key.
const std::set<std::string_view> harmless_sampling_keys{"xtc_threshold", "mirostat_tau",
                                                        "mirostat_eta"};

}  // namespace

SamplingParams gguf_sampling(const GgufMetadata& metadata) {
  SamplingParams made;
  const auto real = [&](const char* key, float& to) {
    if (const auto value = metadata.number(at + key)) to = static_cast<float>(*value);
  };
  real("temp", made.temperature);
  real("top_p", made.top_p);
  real("min_p", made.min_p);
  real("penalty_repeat", made.repetition_penalty);
  const auto wrong = [&](const std::string& key, const std::string& expected) {
    refuse(metadata.file(), "the metadata's key '" + at + key + "': expected " + expected,
           ErrorCode::unavailable);
  };
  if (const auto most = metadata.number(at + "top_k")) {
    if (*most != std::floor(*most) || *most < -1 || *most > 1e9)
      wrong("top_k", "a whole number, -1 or more");
    made.top_k = static_cast<int>(*most);
  }
  for (const char* method : {"xtc_probability", "mirostat"})
    if (metadata.number(at + method).value_or(0) != 0)
      wrong(method, "0: this way to sample is not known here");
  if (metadata.number(at + "penalty_last_n").value_or(-1) != -1)
    wrong("penalty_last_n", "-1: a penalty counts all tokens here");
  metadata.refuse_others(at, harmless_sampling_keys);
  if (const auto good = check(made); !good) {
    const std::string& said = good.error().message;
    const std::string name = said.substr(0, said.find(": "));
    refuse(metadata.file(), "the metadata's key '" + at +
                                (name == "temperature"          ? "temp"
                                 : name == "repetition_penalty" ? "penalty_repeat"
                                                                : name) +
                                "'" + said.substr(name.size()));
  }
  return made;
}

}  // namespace limelight::stages
