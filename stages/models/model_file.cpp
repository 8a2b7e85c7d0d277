#include "stages/models/model_file.hpp"

#include <cstdlib>
#include <fstream>
#include <set>

#include "base/try.hpp"

namespace limelight::stages {

namespace fs = std::filesystem;

Result<std::shared_ptr<const ModelFile>> ModelFile::open(const fs::path& path,
                                                         std::string_view part) {
  const auto gguf = [&](const fs::path& file) -> Result<std::shared_ptr<const ModelFile>> {
    if (part == "thinker") return open_gguf(file);
    return Error{ErrorCode::unavailable, file.string() + ": found a GGUF file, expected a folder " +
                                             "with safetensors: it has no " + std::string(part)};
  };
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    for (const char* name : {"model.safetensors.index.json", "model.safetensors"})
      if (fs::exists(path / name, failed)) return open_safetensors(path, path / name, part);
    for (const auto& entry : fs::directory_iterator(path, failed))
      if (entry.path().extension() == ".gguf") return gguf(entry.path());
    return Error{ErrorCode::not_found, path.string() +
                                           ": found none of model.safetensors.index.json, "
                                           "model.safetensors and *.gguf in the folder"};
  }
  char magic[4] = {};
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, path.string() + ": cannot open the model"};
  in.read(magic, sizeof magic);
  if (std::string_view(magic, 4) == "GGUF") return gguf(path);
  if (path.extension() == ".json" || path.extension() == ".safetensors")
    return open_safetensors(path.parent_path(), path, part);
  return Error{ErrorCode::corrupt, path.string() +
                                       ": offset 0: found other bytes, expected the magic 'GGUF', "
                                       "or a file name that ends in .safetensors or .json"};
}

fs::path model_cache() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') return fs::path(cache) / "limelight";
  return fs::path(home != nullptr && *home == '/' ? home : "/tmp") / ".cache/limelight";
}

fs::path find_model(const std::string& name, const fs::path& folder) {
  std::error_code failed;
  // In the cache before in the folders, so that a file that happens to have the same name changes
  // nothing.
  const fs::path fetched = model_cache() / name / "model.gguf";
  const bool bare = name.find_first_of("/.") == std::string::npos;
  if (bare && fs::exists(fetched, failed)) return fetched;
  for (const fs::path& path : {folder / name, fs::path(name)})
    if (fs::exists(path, failed)) return path;
  return bare ? fetched : folder / name;  // for the error message
}

std::uint64_t ModelFile::weight_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += tensor.rows * tensor.row_bytes();
  return bytes;
}

const FileTensor* ModelFile::find(std::string_view name) const {
  const auto at = tensors_.find(name);
  return at == tensors_.end() ? nullptr : &at->second;
}

// Makes one tensor of a part's rows each; the parts are all of it.
Result<void> ModelFile::take_apart(const std::string& name,
                                   const std::vector<std::pair<std::string, int>>& parts,
                                   int cols) {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) return {};
  const FileTensor whole = at->second;
  std::uint64_t rows = 0;
  for (const auto& part : parts) rows += static_cast<std::uint64_t>(part.second);
  if (whole.rows != rows || whole.cols != static_cast<std::uint64_t>(cols))
    return Error{ErrorCode::corrupt, path_.string() + ": tensor '" + name + "': found [" +
                                         std::to_string(whole.rows) + ", " +
                                         std::to_string(whole.cols) + "], expected [" +
                                         std::to_string(rows) + ", " + std::to_string(cols) + "]"};
  tensors_.erase(at);
  const std::byte* data = whole.data;
  for (const auto& [part, count] : parts) {
    FileTensor tensor = whole;
    tensor.rows = static_cast<std::uint64_t>(count);
    tensor.data = data;
    data += tensor.rows * tensor.row_bytes();
    if (!tensors_.emplace(part, tensor).second)
      return Error{ErrorCode::corrupt, path_.string() + ": found tensor '" + part +
                                           "' and, with it, '" + name + "', expected one of both"};
  }
  return {};
}

// Those of one layer, where files have the matrices of all its experts in one tensor.
Result<void> ModelFile::take_experts_apart(const std::string& at, const DecoderShape& shape) {
  const ExpertsShape& e = shape.experts;
  const std::vector<std::pair<const char*, int>> gate{{"gate_proj", e.mlp}}, up{{"up_proj", e.mlp}},
      both{{"gate_proj", e.mlp}, {"up_proj", e.mlp}}, down{{"down_proj", shape.hidden}};
  const std::tuple<const char*, const std::vector<std::pair<const char*, int>>*, int> stacked[] = {
      {"gate_up_proj", &both, shape.hidden},
      {"gate_proj", &gate, shape.hidden},
      {"up_proj", &up, shape.hidden},
      {"down_proj", &down, e.mlp}};
  for (const auto& [name, parts, cols] : stacked) {
    if (find(at + "experts." + name) == nullptr) continue;
    std::vector<std::pair<std::string, int>> all;
    for (int i = 0; i < e.count; ++i)
      for (const auto& [part, rows] : *parts)
        all.emplace_back(at + "experts." + std::to_string(i) + "." + part, rows);
    LIMELIGHT_TRY(take_apart(at + "experts." + name, all, cols));
  }
  return {};
}

Result<void> ModelFile::prepare(const NamedDecoder& decoder) {
  const DecoderShape& s = decoder.shape;
  const auto say = [&](const std::string& what) {
    return Error{ErrorCode::corrupt, path_.string() + ": " + what};
  };
  const struct {
    const char* what;
    int value, most;
  } counts[] = {{"layers", s.layers, 1024},       {"hidden size", s.hidden, 1 << 17},
                {"heads", s.heads, 4096},         {"key-value heads", s.kv_heads, 4096},
                {"head size", s.head_dim, 1024},  {"MLP size", s.mlp, 1 << 20},
                {"vocabulary", s.vocab, 1 << 22}, {"context", s.max_model_len, 1 << 26}};
  for (const auto& c : counts)
    if (c.value < 1 || c.value > c.most)
      return say(std::string("the number of ") + c.what + ": found " + std::to_string(c.value) +
                 ", expected 1 to " + std::to_string(c.most));
  if (s.heads % s.kv_heads != 0 || s.head_dim % 2 != 0)
    return say("found " + std::to_string(s.heads) + " heads of size " + std::to_string(s.head_dim) +
               " and " + std::to_string(s.kv_heads) +
               " key-value heads, expected a multiple of the key-value heads, and an even size");
  const ExpertsShape& e = s.experts;
  if (e.count > 0 && (e.count > 4096 || e.used < 1 || e.used > e.count || e.mlp < 1 ||
                      e.mlp > 1 << 20 || e.shared_mlp < 0 || e.shared_mlp > 1 << 20))
    return say("found " + std::to_string(e.count) + " experts of width " + std::to_string(e.mlp) +
               ", " + std::to_string(e.used) + " of them used, and a shared one of width " +
               std::to_string(e.shared_mlp) +
               ", expected 1 to 4096, of 1 to 2^20, with 1 to all of them used");
  const int q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = decoder.at + "layers." + std::to_string(l) + ".";
    LIMELIGHT_TRY(take_apart(
        at + "qkv_proj", {{at + "q_proj", q}, {at + "k_proj", kv}, {at + "v_proj", kv}}, s.hidden));
    LIMELIGHT_TRY(take_apart(at + "gate_up_proj",
                             {{at + "gate_proj", s.mlp}, {at + "up_proj", s.mlp}}, s.hidden));
    if (!s.layer(l).experts) continue;
    LIMELIGHT_TRY(take_experts_apart(at, s));
  }
  return {};
}

Result<void> ModelFile::check(std::span<const NamedDecoder> decoders,
                              std::span<const ExpectedTensor> others) {
  const auto say = [&](const std::string& what, ErrorCode code = ErrorCode::corrupt) {
    return Error{code, path_.string() + ": " + what};
  };
  std::set<std::string, std::less<>> expected;
  const auto expect = [&](const ExpectedTensor& wanted) -> Result<void> {
    const FileTensor* t = find(wanted.name);
    if (t == nullptr) return say("found no tensor '" + wanted.name + "'");
    if (t->rows != static_cast<std::uint64_t>(wanted.rows) ||
        t->cols != static_cast<std::uint64_t>(wanted.cols))
      return say("tensor '" + wanted.name + "': found [" + std::to_string(t->rows) + ", " +
                 std::to_string(t->cols) + "], expected [" + std::to_string(wanted.rows) + ", " +
                 std::to_string(wanted.cols) + "]");
    expected.insert(wanted.name);
    return {};
  };
  for (const NamedDecoder& decoder : decoders) {
    LIMELIGHT_TRY(prepare(decoder));
    LIMELIGHT_TRY(for_each_tensor(decoder.shape, decoder.parts, [&](const ExpectedTensor& wanted) {
      return expect({decoder.at + wanted.name, wanted.rows, wanted.cols});
    }));
  }
  for (const ExpectedTensor& wanted : others) LIMELIGHT_TRY(expect(wanted));
  for (const auto& [name, tensor] : tensors_)
    if (!expected.contains(name))
      return say("found tensor '" + name + "', expected none: no part of the network uses it",
                 ErrorCode::unavailable);
  return {};
}

}  // namespace limelight::stages
