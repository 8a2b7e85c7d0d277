// The common part of the fuzzers of model files.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "stages/models/model_file.hpp"
#include "stages/models/tokenizer.hpp"

namespace fuzz {

struct TemporaryFolder {
  std::filesystem::path path = "/dev/shm/limelight-fuzz-" + std::to_string(getpid());
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

inline void write(const std::filesystem::path& path, const std::uint8_t* data, std::size_t size) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
}

// Uses a model that was accepted as a stage does.
inline void use(
    const limelight::Result<std::shared_ptr<const limelight::stages::ModelFile>>& opened) {
  using namespace limelight::stages;
  if (!opened) return;
  const ModelFile& model = **opened;
  for (const char* name :
       {"embed_tokens", "norm", "layers.0.q_proj", "layers.0.down_proj", "lm_head"})
    if (const FileTensor* t = model.find(name)) {
      std::string row(static_cast<std::size_t>(t->cols) * sizeof(float), '\0');
      for (const std::uint64_t r : {std::uint64_t{0}, t->rows - 1})
        unpack_blocks(t->type, t->data + r * t->row_bytes(),
                      {reinterpret_cast<float*>(row.data()), static_cast<std::size_t>(t->cols)});
    }
  if (auto tokenizer = make_tokenizer(model.tokenizer()))
    if (auto tokens = (*tokenizer)->encode_prompt("Hello, world 12 \xe6\x97\xa5"))
      for (const int token : *tokens) (void)(*tokenizer)->bytes(token);
}

}  // namespace fuzz
