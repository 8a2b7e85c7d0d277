// Frequencies of rotary embeddings, from the parameters that model files state. Names and formulas
// are those of `rope_parameters` in config.json (transformers 5, modeling_rope_utils.py).
#pragma once

#include <limelight/result.hpp>
#include <limelight/shape.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight::stages {

struct RopeParameters {
  std::string type = "default";  // or linear, dynamic, yarn, longrope, llama3
  double base = 10'000;          // rope_theta
  int dims = 0;                  // numbers of a head that are rotated, even
  int context = 0;               // max_position_embeddings
  double original_context = 0;   // original_max_position_embeddings; 0: context
  std::optional<double> factor = {}, attention_factor = {};
  double low = 1, high = 4;                      // llama3: low_freq_factor, high_freq_factor
  double fast = 32, slow = 1;                    // yarn: beta_fast, beta_slow
  double mscale = 0, mscale_all = 0;             // yarn: mscale, mscale_all_dim; 0: not there
  bool truncate = true;                          // yarn
  std::vector<float> short_factor, long_factor;  // longrope: one for each pair
};

// Errors: unavailable (the type), corrupt (a parameter that the type needs is not there or out of
// range); both say what was found and what was expected.
Result<RopeShape> make_rope(const RopeParameters& parameters);

}  // namespace limelight::stages
