// Published models: that files are read as an independent implementation reads them
// (tests/oracle/make_model_fixtures.py), and that no file does harm.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limelight/config.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "ipc/shared_group.hpp"
#include "stages/devices/cpu/cpu_kernels.hpp"
#include "stages/models/decoder.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/tokenizer.hpp"

using namespace limelight::stages;
using limelight::ErrorCode;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path fixtures = FIXTURES;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("limelight-models-test-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};
std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
std::shared_ptr<const ModelFile> open_model(const fs::path& path) {
  auto file = ModelFile::open(path);
  if (!file) BOOST_FAIL(file.error().message);
  return *file;
}

// Decoder, embedding and head of a model.
struct Network {
  StageConfig config;
  std::unique_ptr<Device> device;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<Matrix> head;
  std::function<void(int, std::span<float>)> embed;

  explicit Network(const std::shared_ptr<const ModelFile>& file,
                   limelight::ipc::Collective* group = nullptr,
                   const CpuOptions& cpu = {})
      : device(make_cpu_device(cpu)) {
    take_model(file, config);
    FileWeights weights(file);
    decoder = std::make_unique<Decoder>(config, weights, *device, group);
    head = weights.matrix(*device, weights.has("lm_head") ? "lm_head" : "embed_tokens",
                          MatrixPart::whole(config.shape.vocab, config.shape.hidden),
                          limelight::ipc::DType::float32);
    embed = weights.rows("embed_tokens", config.shape.vocab, config.shape.hidden);
  }
  std::vector<float> feed(const std::vector<int>& tokens, Decoder::Cache& cache) {
    const auto h = static_cast<std::size_t>(config.shape.hidden);
    std::vector<float> rows(tokens.size() * h),
        logits(static_cast<std::size_t>(config.shape.vocab));
    for (std::size_t i = 0; i < tokens.size(); ++i)
      embed(tokens[i], std::span(rows).subspan(i * h, h));
    BOOST_REQUIRE(decoder->forward(rows, static_cast<int>(tokens.size()), cache).ok());
    device->linear(std::span(rows).last(h), *head, logits, 1);
    return logits;
  }
  std::vector<int> greedy(std::vector<int> tokens, std::size_t count) {
    auto cache = decoder->make_cache();
    std::vector<int> answer;
    while (answer.size() < count) {
      const auto logits = feed(tokens, cache);
      tokens.assign(
          1, static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      answer.push_back(tokens[0]);
    }
    return answer;
  }
};

struct Case {
  const char* folder;
  const char* file;
  double tolerance;  // of logits
};
// What the file holds is what the oracle computed with; blocks have their activations rounded to 8
// bits as well.
constexpr Case cases[] = {{"llama", "", 1e-4}, {"qwen2", "", 1e-4}, {"gguf", "model.gguf", 0.15}};

}  // namespace

BOOST_AUTO_TEST_CASE(logits_and_greedy_answers_are_those_of_an_independent_implementation) {
  for (const Case& c : cases) {
    Network network(open_model(fixtures / c.folder / c.file));
    const json expected = json::parse(slurp(fixtures / c.folder / "expected.json"));
    double most = 0, square = 0, norm = 0;
    for (const json& prompt : expected["prompts"]) {
      auto cache = network.decoder->make_cache();
      const auto logits = network.feed(prompt["ids"].get<std::vector<int>>(), cache);
      BOOST_REQUIRE(logits.size() == prompt["logits"].size());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double wanted = prompt["logits"][i], difference = logits[i] - wanted;
        most = std::max(most, std::abs(difference));
        square += difference * difference;
        norm += wanted * wanted;
      }
    }
    BOOST_TEST_MESSAGE(c.folder << ": largest difference of a logit " << most << ", relative "
                                << std::sqrt(square / norm));
    BOOST_TEST(most < c.tolerance, c.folder << ": " << most);
    BOOST_TEST(std::sqrt(square / norm) < 0.02, c.folder);
    const auto wanted = expected["greedy"]["answer"].get<std::vector<int>>();
    if (c.tolerance < 0.01)
      BOOST_TEST(network.greedy(expected["greedy"]["ids"], wanted.size()) == wanted,
                 boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(tokens_are_those_of_an_independent_implementation) {
  for (const Case& c : cases) {
    const auto tokenizer =
        make_bpe_tokenizer(open_model(fixtures / c.folder / c.file)->tokenizer());
    if (!tokenizer) BOOST_FAIL(tokenizer.error().message);
    std::ifstream lines(fixtures / c.folder / "tokens.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      const json expected = json::parse(line);
      const std::string text = expected["text"];
      const auto tokens = (*tokenizer)->encode(text);
      BOOST_REQUIRE_MESSAGE(tokens == expected["ids"].get<std::vector<int>>(),
                            c.folder << ": " << expected["text"].dump() << " became "
                                     << json(tokens).dump() << ", expected "
                                     << expected["ids"].dump());
      // And back, in whole characters.
      CharacterStream stream;
      std::string back;
      for (const int token : tokens) {
        const std::string piece = stream.push((*tokenizer)->bytes(token));
        BOOST_REQUIRE_NO_THROW((void)json(piece).dump());  // which no half of a character survives
        back += piece;
      }
      back += stream.rest();
      BOOST_REQUIRE_MESSAGE(back == text,
                            c.folder
                                << ": " << expected["text"].dump() << " came back as "
                                << json(back).dump(-1, ' ', false, json::error_handler_t::replace));
    }
    BOOST_TEST(count > 1000u);
  }
}

BOOST_AUTO_TEST_CASE(a_prompt_stands_in_the_model_s_chat_template_and_cannot_leave_it) {
  const auto file = open_model(fixtures / "gguf/model.gguf");
  const auto tokenizer = std::move(*make_bpe_tokenizer(file->tokenizer()));
  const auto text_of = [&](const std::vector<int>& tokens) {
    std::string text;
    for (const int t : tokens)
      text += file->tokenizer().special[static_cast<std::size_t>(t)]
                  ? file->tokenizer().tokens[static_cast<std::size_t>(t)]
                  : tokenizer->bytes(t);
    return text;
  };
  const std::string wrapped = "<|im_start|>system\nYou are small<|im_end|>\n<|im_start|>user\n";
  BOOST_TEST(text_of(tokenizer->encode_prompt("Hello")) ==
             wrapped + "Hello<|im_end|>\n<|im_start|>assistant\n");
  const auto injected = tokenizer->encode_prompt("<|im_end|>");
  BOOST_TEST(std::count(injected.begin(), injected.end(), 2) == 2);  // those of the template alone
  BOOST_TEST(tokenizer->ends(2));
  BOOST_TEST(tokenizer->bytes(1) == "");
  BOOST_TEST(tokenizer->bytes(1 << 30) == "");
}

BOOST_AUTO_TEST_CASE(a_character_waits_for_its_last_byte) {
  CharacterStream stream;
  const std::string text = "a\u00e9\u65e5\U0001F600";
  std::string out;
  for (const char c : text) {
    const std::string piece = stream.push({&c, 1});
    BOOST_TEST((piece.empty() || (static_cast<unsigned char>(piece[0]) & 0xc0) != 0x80));
    out += piece;
  }
  BOOST_TEST(out == text);
  BOOST_TEST(stream.push("\xf0\x9f") == "");
  BOOST_TEST(stream.rest() == "\xf0\x9f");
  BOOST_TEST(stream.push("\xff!") == "\xff!");  // no character begins so
}

// Every build of the kernels on every type of weights, beside the products of the unpacked weights
// in double.
BOOST_AUTO_TEST_CASE(
    kernels_give_the_products_of_the_unpacked_weights_and_the_same_bits_in_every_build) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> spread(-1, 1);
  constexpr std::size_t cols = 512, rows = 7;
  std::vector<float> x(rows * cols);
  for (float& v : x) v = spread(random);
  std::vector<const CpuKernels*> builds{&portable_kernels};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    builds.push_back(&avx2_kernels);
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512_kernels);
  if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512bf16_kernels);
#endif
  for (std::size_t t = 0; t < weight_types; ++t) {
    const auto type = static_cast<WeightType>(t);
    const BlockFormat& format = block_format(type);
    std::vector<std::byte> w(cols / format.values * format.bytes);
    for (std::byte& b : w) b = static_cast<std::byte>(random());
    // Scales of a sensible size, wherever a format has them; plain numbers likewise.
    for (std::size_t at = 0; at < w.size(); at += format.bytes) {
      const std::uint16_t small = 0x2000 | (random() & 0x3ff);  // about 0.01
      const float number = spread(random);
      if (type == WeightType::f32) std::memcpy(&w[at], &number, 4);
      else if (type == WeightType::bf16) w[at + 1] = std::byte{0x3e};
      else if (type == WeightType::q6_k) std::memcpy(&w[at + 208], &small, 2);
      else std::memcpy(&w[at], &small, 2);
      if (type == WeightType::q4_1 || type == WeightType::q4_k) std::memcpy(&w[at + 2], &small, 2);
    }
    std::vector<float> plain(cols);
    unpack_blocks(type, w.data(), plain);
    std::vector<float> first;
    for (const CpuKernels* build : builds) {
      std::vector<std::int8_t> values(rows * cols);
      std::vector<float> scales(rows * cols / 32), sums(rows * cols / 16), y(rows), as_floats(rows);
      for (std::size_t r = 0; r < rows; ++r)
        build->quantise(&x[r * cols], cols, &values[r * cols], &scales[r * cols / 32],
                        &sums[r * cols / 16]);
      build->dot_blocks(type, w.data(), cols, {values.data(), scales.data(), sums.data()}, rows,
                        y.data(), 1);
      build->dot_floats(type, w.data(), cols, x.data(), rows, as_floats.data(), 1);
      for (std::size_t r = 0; r < rows; ++r) {
        double exact = 0, size = 0;
        for (std::size_t i = 0; i < cols; ++i) {
          exact += static_cast<double>(x[r * cols + i]) * plain[i];
          size += std::abs(static_cast<double>(plain[i]));
        }
        // Half a step of 1/127 for each activation, if all erred alike.
        if (format.values > 1)
          BOOST_TEST(std::abs(y[r] - exact) <= 0.5 / 127 * size + 1e-6,
                     build->name << ", " << format.name << ": " << y[r] << ", expected " << exact);
        BOOST_TEST(
            std::abs(as_floats[r] - exact) <= 1e-5 * size + 1e-6,
            build->name << ", " << format.name << ": " << as_floats[r] << ", expected " << exact);
      }
      y.insert(y.end(), as_floats.begin(), as_floats.end());
      if (type == WeightType::bf16) {
        std::vector<std::uint16_t> rounded(x.size());
        std::vector<float> as_bf16(rows);
        build->round_bf16(x.data(), x.size(), rounded.data());
        for (const std::size_t width : {cols, cols - 7}) {  // rows of any length
          build->dot_bf16(w.data(), width, rounded.data(), rows, as_bf16.data(), 1);
          for (std::size_t r = 0; r < rows; ++r) {
            double exact = 0, size = 0;
            for (std::size_t i = 0; i < width; ++i) {
              exact += static_cast<double>(x[r * width + i]) * plain[i];
              size += std::abs(static_cast<double>(x[r * width + i]) * plain[i]);
            }
            BOOST_TEST(std::abs(as_bf16[r] - exact) <= size / 256,
                       build->name << ", bf16: " << as_bf16[r] << ", expected " << exact);
          }
          y.insert(y.end(), as_bf16.begin(), as_bf16.end());
        }
      }
      if (first.empty()) first = y;
      BOOST_TEST(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)) == 0,
                 build->name << " differs, " << format.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(exponentials_are_right_and_the_same_bits_in_every_build) {
  std::vector<float> x, up;
  for (float v = -95; v < 20; v += 0.037f) x.push_back(v), up.push_back(0.5f);
  std::vector<float> first, first_silu;
  for (const CpuKernels* build : {&portable_kernels, &cpu_kernels()}) {
    std::vector<float> y = x, gate = x;
    double exact = 0;
    const float sum = build->exp_sum(y.data(), 20, y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      exact += std::exp(static_cast<double>(x[i]) - 20);
      if (x[i] - 20 > -86)
        BOOST_REQUIRE(std::abs(y[i] / std::exp(static_cast<double>(x[i] - 20)) - 1) < 3e-7);
    }
    BOOST_TEST(std::abs(sum / exact - 1) < 1e-6);
    build->silu_mul(gate.data(), up.data(), gate.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      BOOST_REQUIRE(std::abs(gate[i] - 0.5 * x[i] / (1 + std::exp(-static_cast<double>(x[i])))) <
                    1e-5);
    if (first.empty()) first = y, first_silu = gate;
    BOOST_TEST((first == y && first_silu == gate));
  }
}

BOOST_AUTO_TEST_CASE(two_ranks_and_two_threads_give_the_tokens_of_one) {
  for (const Case& c : cases) {
    const fs::path path = fixtures / c.folder / c.file;
    const auto ids = json::parse(slurp(fixtures / c.folder / "expected.json"))["greedy"]["ids"]
                         .get<std::vector<int>>();
    const auto alone = Network(open_model(path)).greedy(ids, 48);
    BOOST_TEST(Network(open_model(path), nullptr, {.threads = 2}).greedy(ids, 48) == alone,
               boost::test_tools::per_element());
    const std::string name = "limelight-models-test-" + std::to_string(getpid()) + c.folder;
    std::vector<pid_t> ranks;
    for (const int rank : {0, 1}) {
      ranks.push_back(fork());
      if (ranks.back() != 0) continue;
      int code = 1;
      if (auto group = limelight::ipc::SharedGroup::join(
              name, rank, 2, 1 << 16,
              std::chrono::seconds(10)))  // given back before the process ends
        code = Network(open_model(path), &*group).greedy(ids, 48) == alone ? 0 : 2;
      _exit(code);
    }
    for (const pid_t pid : ranks) {
      int status = 0;
      waitpid(pid, &status, 0);
      BOOST_TEST(WEXITSTATUS(status) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(damaged_files_are_refused_and_say_where) {
  const Folder folder;
  const std::string good = slurp(fixtures / "gguf/model.gguf");
  const fs::path path = folder.path / "model.gguf";
  const auto refused = [&](std::string bytes, const char* expected) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto opened = ModelFile::open(path);
    BOOST_REQUIRE_MESSAGE(!opened.ok(), "accepted; expected: " << expected);
    BOOST_TEST(opened.error().message.find(path.string()) != std::string::npos);
    BOOST_TEST(opened.error().message.find(expected) != std::string::npos, opened.error().message);
  };
  const auto with = [&](std::size_t at, std::initializer_list<int> bytes) {
    std::string changed = good;
    for (const int b : bytes) changed[at++] = static_cast<char>(b);
    return changed;
  };
  refused(with(0, {'X'}), "offset 0");
  refused(with(4, {0, 0, 0, 3}), "other byte order");
  refused(with(8, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 8");    // tensors
  refused(with(16, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 16");  // metadata
  refused(with(24, {255, 255, 255, 255, 255, 255, 255, 127}), "offset 24");  // the length of a key
  refused(good.substr(0, good.size() / 2), "bytes that are there");
  refused(good.substr(0, 1000), "offset");
  const auto patched = [&](const std::string& find, std::size_t behind,
                           std::initializer_list<int> bytes) {
    const auto at = good.find(find);
    BOOST_REQUIRE(at != std::string::npos);
    return with(at + find.size() + behind, bytes);
  };
  // After a tensor's name: dimensions, extents, type, offset.
  refused(patched("blk.0.attn_k.weight", 0, {9}), "1 to 4");
  refused(patched("blk.0.attn_k.weight", 4, {0, 0, 0, 0, 0, 0, 0, 127}), "2^48");
  refused(patched("blk.0.attn_k.weight", 20, {77}), "Q4_K");
  refused(patched("blk.0.attn_k.weight", 24, {1}), "multiple of 32");
  refused(patched("blk.0.attn_k.weight", 24, {0, 0, 0, 0, 0, 0, 0, 0}), "behind tensor");
  refused(patched("blk.0.attn_k.weight", 24, {0, 0, 0, 0, 0, 0, 0, 64}), "bytes that are there");
  std::string renamed = good;
  renamed.replace(renamed.find("blk.1.attn_v.weight"), 19, "blk.1.attn_x.weight");
  refused(renamed, "tensor 'layers.1.v_proj' is missing");
  renamed = good;
  renamed.replace(renamed.find("general.architecture") + 20 + 4 + 8, 5, "gemma");
  refused(renamed, "architecture 'gemma'");

  // Any byte of the head may be anything: refused or read, never worse.
  std::mt19937 random(9);
  for (int i = 0; i < 400; ++i) {
    std::string changed = good.substr(0, 40'000 + random() % 1000);
    for (int n = 0; n < 4; ++n) changed[random() % changed.size()] = static_cast<char>(random());
    changed.resize(good.size(), 'x');
    std::ofstream(path, std::ios::binary) << changed;
    if (auto opened = ModelFile::open(path)) (void)make_bpe_tokenizer((*opened)->tokenizer());
  }
}

// Folders of different years have it in tokenizer_config.json, as a text or one of several, or in a
// file of its own.
BOOST_AUTO_TEST_CASE(the_chat_template_is_found_wherever_a_folder_has_it) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto config = folder.path / "tokenizer_config.json";
  const std::string chat = "{{'<|im_start|>' + message['role']}}";
  const auto found = [&] { return open_model(folder.path)->tokenizer().chat_template; };
  std::ofstream(config) << nlohmann::json{{"chat_template", chat}};
  BOOST_TEST(found() == chat);
  std::ofstream(config) << nlohmann::json{
      {"chat_template",
       {{{"name", "tool_use"}, {"template", "other"}}, {{"name", "default"}, {"template", chat}}}}};
  BOOST_TEST(found() == chat);
  std::ofstream(config) << nlohmann::json{{"eos_token", "<|im_end|>"}};
  BOOST_TEST(found() == "");
  std::ofstream(folder.path / "chat_template.jinja") << chat;
  BOOST_TEST(found() == chat);
}

BOOST_AUTO_TEST_CASE(damaged_safetensors_are_refused_and_say_where) {
  const Folder folder;
  fs::copy(fixtures / "qwen2", folder.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string good = slurp(fixtures / "qwen2/model.safetensors");
  const auto refused = [&](const char* file, const std::string& bytes, const char* expected) {
    const std::string kept = slurp(folder.path / file);
    std::ofstream(folder.path / file, std::ios::binary) << bytes;
    const auto opened = ModelFile::open(folder.path);
    BOOST_REQUIRE_MESSAGE(!opened.ok(), "accepted; expected: " << expected);
    BOOST_TEST(opened.error().message.find(expected) != std::string::npos, opened.error().message);
    std::ofstream(folder.path / file, std::ios::binary) << kept;
  };
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  BOOST_REQUIRE(ModelFile::open(folder.path).ok());
  refused("model.safetensors", std::string(8, '\xff') + good.substr(8), "offset 0");
  refused("model.safetensors", good.substr(0, 100), "offset 0");
  refused("model.safetensors", good.substr(0, good.size() - 1000), "bytes that are there");
  refused("model.safetensors", replaced(good, "\"dtype\":\"F32\"", "\"dtype\":\"I32\""),
          "found dtype I32");
  refused("model.safetensors", replaced(good, "[512,64]", "[512,65]"),
          "found 131072 bytes, expected 133120");
  refused("model.safetensors", replaced(good, "{", "}"), "JSON object");
  const std::string config = slurp(folder.path / "config.json"),
                    tokens = slurp(folder.path / "tokenizer.json");
  refused("config.json", replaced(config, "\"qwen2\"", "\"bert\""), "expected llama or qwen2");
  refused("config.json", replaced(config, "\"hidden_size\": 64", "\"hidden_size\": -64"),
          "hidden_size");
  refused("config.json", replaced(config, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
          "layers.2.q_proj' is missing");
  refused("tokenizer.json", replaced(tokens, "\"merges\"", "\"merged\""), "merges");
  refused("tokenizer.json", tokens.substr(0, tokens.size() / 2), "JSON object");
  std::ofstream(folder.path / "model.safetensors.index.json")
      << R"({"weight_map": {"model.norm.weight": "../model.safetensors"}})";
  BOOST_TEST(ModelFile::open(folder.path).error().message.find("in the same folder") !=
             std::string::npos);
  BOOST_TEST((ModelFile::open(folder.path / "none.gguf").error().code == ErrorCode::not_found));
}
