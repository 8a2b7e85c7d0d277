// Reads any bytes as a GGUF file. They must be refused, or give a model whose tokenizer can be made
// and whose tensors can be read completely.
#include "fuzz_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::TemporaryFolder folder;
  fuzz::write(folder.path / "model.gguf", data, size);
  fuzz::use(limelight::stages::ModelFile::open(folder.path / "model.gguf"));
  return 0;
}
