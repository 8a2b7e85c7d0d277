#include "stages/models/speakers.hpp"

#include <cmath>

#include "stages/models/refusal.hpp"
#include "stages/models/tensor_files.hpp"

namespace limelight::stages {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t most_frames = 1 << 16;  // of a sample: ten minutes

struct SpeakerFile {
  fs::path path;
  std::shared_ptr<const TensorFiles> tensors = {};

  explicit SpeakerFile(const fs::path& folder) : path(folder / "speakers.safetensors") {
    std::error_code failed;
    if (!fs::exists(path, failed))
      refuse(path,
             "found no such file, expected the speakers: convert_speakers.py makes it of "
             "spk_dict.pt",
             ErrorCode::not_found);
    auto opened = TensorFiles::open(path, "");
    if (!opened) throw ModelRefusal{opened.error()};
    tensors = std::move(opened).value();
  }
  // The names before `ending`, with their tensors.
  std::map<std::string, const StoredTensor*> named(std::string_view ending) const {
    std::map<std::string, const StoredTensor*> found;
    for (const auto& [name, tensor] : tensors->all())
      if (name.ends_with(ending))
        found.emplace(name.substr(0, name.size() - ending.size()), &tensor);
    if (found.empty())
      refuse(path, "found no tensor with a name such as 'Chelsie" + std::string(ending) +
                       "', expected one for each speaker");
    return found;
  }
  [[noreturn]] void wrong(const std::string& name, const std::string& expected) const {
    refuse(path, "tensor '" + name.substr(0, 100) + "': expected " + expected);
  }
};

}  // namespace

std::map<std::string, int> read_speakers(const fs::path& folder, int vocab) {
  const SpeakerFile file(folder);
  std::map<std::string, int> speakers;
  for (const auto& [name, tensor] : file.named(".bos_token")) {
    const float value = tensor->values == 1 ? tensor->floats()[0] : -1;
    if (!(value >= 0 && value < static_cast<float>(vocab)) || value != std::floor(value))
      file.wrong(name + ".bos_token", "one value, a token below the thinker's vocab_size (" +
                                          std::to_string(vocab) + ")");
    speakers.emplace(name, static_cast<int>(value));
  }
  return speakers;
}

std::map<std::string, Voice> read_voices(const fs::path& folder,
                                         int width,
                                         int bands,
                                         int least_frames) {
  const SpeakerFile file(folder);
  std::map<std::string, Voice> voices;
  const auto wide = static_cast<std::uint64_t>(width), high = static_cast<std::uint64_t>(bands),
             least = static_cast<std::uint64_t>(least_frames);
  for (const auto& [name, tensor] : file.named(".cond")) {
    const StoredTensor* mel = file.tensors->find(name + ".ref_mel");
    if (tensor->shape != std::vector<std::uint64_t>{1, wide})
      file.wrong(name + ".cond",
                 "shape [1, " + std::to_string(width) + "], found " + tensor->shape_text());
    if (mel == nullptr) file.wrong(name + ".ref_mel", "it beside " + name + ".cond, found none");
    if (mel->shape.size() != 3 || mel->shape[0] != 1 || mel->shape[2] != high ||
        mel->shape[1] < least || mel->shape[1] > most_frames)
      file.wrong(name + ".ref_mel", "shape [1, " + std::to_string(least_frames) + " to " +
                                        std::to_string(most_frames) + ", " + std::to_string(bands) +
                                        "], found " + mel->shape_text());
    voices.emplace(name, Voice{.embedding = tensor->floats(),
                               .mel = mel->floats(),
                               .frames = static_cast<int>(mel->shape[1])});
  }
  return voices;
}

}  // namespace limelight::stages
