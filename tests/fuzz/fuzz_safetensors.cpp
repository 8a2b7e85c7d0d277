// Reads any bytes as a folder with config.json, tokenizer.json and model.safetensors: the lengths
// of the first two in two bytes each, then the three files.
#include <algorithm>

#include "fuzz_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  static const fuzz::TemporaryFolder folder;
  const std::size_t config = std::min<std::size_t>(data[0] | data[1] << 8, size - 4),
                    tokenizer = std::min<std::size_t>(data[2] | data[3] << 8, size - 4 - config);
  data += 4;
  fuzz::write(folder.path / "config.json", data, config);
  fuzz::write(folder.path / "tokenizer.json", data + config, tokenizer);
  fuzz::write(folder.path / "model.safetensors", data + config + tokenizer,
              size - 4 - config - tokenizer);
  fuzz::use(limelight::stages::ModelFile::open(folder.path));
  return 0;
}
