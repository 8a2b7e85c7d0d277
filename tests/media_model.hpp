// A copy of the small Qwen3-Omni of the fixtures that reads sounds and pictures: with the template
// and the file that say how.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/support.hpp"

namespace limelight::tests {

inline void copy_media_model(const std::filesystem::path& fixture,
                             const std::filesystem::path& to) {
  std::filesystem::copy(fixture, to, std::filesystem::copy_options::recursive);
  write_file(to / "preprocessor_config.json",
             R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 16,
                 "n_fft": 400, "hop_length": 160, "sampling_rate": 16000,
                 "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 4, "merge_size": 2,
                 "temporal_patch_size": 2, "min_pixels": 64, "max_pixels": 1024})");
  auto config = nlohmann::json::parse(read_file(to / "tokenizer_config.json"));
  config["chat_template"] =
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
      "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
      "{% for part in message['content'] %}"
      "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|>' }}"
      "{% elif part['type'] == 'audio' %}{{ '<|audio_start|><|audio_pad|>' }}"
      "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
      "{{ '<|im_end|>\n' }}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  write_file(to / "tokenizer_config.json", config.dump());
}

}  // namespace limelight::tests
