// Reads sounds and pictures and computes their features, for comparisons with others.
//
//   media_probe <folder with preprocessor_config.json> <out> (sounds | pictures) <file>...
//
// It writes the features as float32 into <out>, one file after the other, and a line of JSON for
// each: {"shape"} or {"error"}. Sounds are those of one request.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/media/audio_file.hpp"
#include "stages/models/media_config.hpp"

using namespace limelight::stages;
using nlohmann::json;

namespace {

void write(std::ofstream& out, const std::vector<float>& values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
}
void say(const json& line) {
  std::cout << line.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 3 ? argv[3] : "";
  if (kind != "sounds" && kind != "pictures")
    return std::fprintf(stderr, "usage: media_probe FOLDER OUT sounds|pictures FILE...\n"), 2;
  const auto config = read_media_config(argv[1]);
  if (!config) return std::fprintf(stderr, "%s\n", config.error().message.c_str()), 1;
  std::ofstream out(argv[2], std::ios::binary);
  std::vector<std::vector<float>> sounds;
  for (int i = 4; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (kind == "sounds") {
      auto sound = read_audio(path, config->sound.rate);
      if (sound) sounds.push_back(std::move(*sound));
      else say({{"error", sound.error().message}});
      continue;
    }
    const auto image = read_image(path);
    if (!image) {
      say({{"error", image.error().message}});
      continue;
    }
    const auto patches = make_patches(*image, config->picture);
    if (!patches) {
      say({{"error", path.string() + ": " + patches.error().message}});
      continue;
    }
    write(out, patches->values);
    say({{"shape", {patches->rows, patches->cols}}});
  }
  if (sounds.empty()) return 0;
  const auto computed = LogMel::make(config->sound)->compute(sounds);
  if (!computed) return say({{"error", computed.error().message}}), 0;
  for (const LogMelSound& sound : *computed) {
    write(out, sound.values);
    say({{"shape", {config->sound.mels, sound.frames}}});
  }
}
