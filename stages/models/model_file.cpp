#include "stages/models/model_file.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numbers>

#include "base/try.hpp"

namespace limelight::stages {

namespace fs = std::filesystem;

Result<std::shared_ptr<const ModelFile>> ModelFile::open(const fs::path& path) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    for (const char* name : {"model.safetensors.index.json", "model.safetensors"})
      if (fs::exists(path / name, failed)) return open_safetensors(path, path / name);
    for (const auto& entry : fs::directory_iterator(path, failed))
      if (entry.path().extension() == ".gguf") return open_gguf(entry.path());
    return Error{ErrorCode::not_found, path.string() +
                                           ": found none of model.safetensors.index.json, "
                                           "model.safetensors and *.gguf in the folder"};
  }
  char magic[4] = {};
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::not_found, path.string() + ": cannot open the model"};
  in.read(magic, sizeof magic);
  if (std::string_view(magic, 4) == "GGUF") return open_gguf(path);
  if (path.extension() == ".json" || path.extension() == ".safetensors")
    return open_safetensors(path.parent_path(), path);
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

const FileTensor* ModelFile::find(std::string_view name) const {
  const auto at = tensors_.find(name);
  return at == tensors_.end() ? nullptr : &at->second;
}

Result<void> ModelFile::check() const {
  const ModelSpec& s = spec_;
  const auto say = [&](const std::string& what) {
    return Error{ErrorCode::corrupt, path_.string() + ": " + what};
  };
  const struct {
    const char* what;
    int value, most;
  } counts[] = {{"layers", s.layers, 1024},       {"hidden size", s.hidden, 1 << 17},
                {"heads", s.heads, 4096},         {"key-value heads", s.kv_heads, 4096},
                {"head size", s.head_dim, 1024},  {"MLP size", s.mlp, 1 << 20},
                {"vocabulary", s.vocab, 1 << 22}, {"context", s.context, 1 << 26}};
  for (const auto& c : counts)
    if (c.value < 1 || c.value > c.most)
      return say(std::string("the number of ") + c.what + ": found " + std::to_string(c.value) +
                 ", expected 1 to " + std::to_string(c.most));
  if (s.heads % s.kv_heads != 0 || s.head_dim % 2 != 0)
    return say("found " + std::to_string(s.heads) + " heads of size " + std::to_string(s.head_dim) +
               " and " + std::to_string(s.kv_heads) +
               " key-value heads, expected a multiple of the key-value heads, and an even size");
  if (!s.rope_factors.empty() && s.rope_factors.size() != static_cast<std::size_t>(s.head_dim / 2))
    return say("found " + std::to_string(s.rope_factors.size()) + " rotary factors, expected " +
               std::to_string(s.head_dim / 2));
  const auto need = [&](const std::string& name, int rows, int cols) -> Result<void> {
    const FileTensor* t = find(name);
    if (t == nullptr) return say("found no tensor '" + name + "'");
    if (t->rows != static_cast<std::uint64_t>(rows) || t->cols != static_cast<std::uint64_t>(cols))
      return say("tensor '" + name + "': found [" + std::to_string(t->rows) + ", " +
                 std::to_string(t->cols) + "], expected [" + std::to_string(rows) + ", " +
                 std::to_string(cols) + "]");
    return {};
  };
  const int q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim;
  LIMELIGHT_TRY(need("embed_tokens", s.vocab, s.hidden));
  LIMELIGHT_TRY(need("norm", 1, s.hidden));
  if (find("lm_head") != nullptr) LIMELIGHT_TRY(need("lm_head", s.vocab, s.hidden));
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    const std::tuple<const char*, int, int> needed[] = {
        {"q_proj", q, s.hidden},        {"k_proj", kv, s.hidden},
        {"v_proj", kv, s.hidden},       {"o_proj", s.hidden, q},
        {"gate_proj", s.mlp, s.hidden}, {"up_proj", s.mlp, s.hidden},
        {"down_proj", s.hidden, s.mlp}, {"input_norm", 1, s.hidden},
        {"post_norm", 1, s.hidden}};
    for (const auto& [name, rows, cols] : needed) LIMELIGHT_TRY(need(at + name, rows, cols));
    for (const auto& [name, width] :
         {std::pair("q_proj.bias", q), std::pair("k_proj.bias", kv), std::pair("v_proj.bias", kv)})
      if (find(at + name) != nullptr) LIMELIGHT_TRY(need(at + name, 1, width));
  }
  return {};
}

Result<void> set_pre_tokenizer(const std::string& name, TokenizerSpec& spec) {
  static const std::string gpt2 =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const auto newer = [](const char* digits) {
    return std::string(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)") + digits +
           R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  };
  if (name == "gpt-2" || name == "gpt2" || name == "default" || name.empty()) spec.splits = {gpt2};
  else if (name == "smollm") spec.splits = {R"(\p{N})", gpt2};
  else if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    spec.splits = {newer(R"(\p{N}{1,3})")};
    spec.whole_words_first = true;
  } else if (name == "qwen2") spec.splits = {newer(R"(\p{N})")};
  else
    return Error{ErrorCode::unavailable,
                 "found pre-tokenizer '" + name + "', expected gpt-2, smollm, llama-bpe or qwen2"};
  return {};
}

std::vector<float> llama3_rope_factors(
    int head_dim, float base, float factor, float low, float high, float original_context) {
  std::vector<float> factors;
  for (int i = 0; i < head_dim / 2; ++i) {
    const double wave =
        2 * std::numbers::pi * std::pow(static_cast<double>(base), 2.0 * i / head_dim);
    const double longest = original_context / low, shortest = original_context / high;
    if (wave < shortest) factors.push_back(1);
    else if (wave > longest) factors.push_back(factor);
    else {
      const double smooth = (original_context / wave - low) / (high - low);
      factors.push_back(static_cast<float>(1 / ((1 - smooth) / factor + smooth)));
    }
  }
  return factors;
}

}  // namespace limelight::stages
