// The ids that examples/voice gives the network, for each line of standard input: an array of the
// parts of each sentence.
//   voice_probe <voice.onnx>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "examples/voice/espeak.hpp"
#include "examples/voice/sentences.hpp"
#include "examples/voice/voice.hpp"
#include "examples/voice/voice_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto file = voice::read_voice_file(argv[1]);
  if (!file) return std::cerr << file.error().message << "\n", 1;
  if (const auto started = voice::start_espeak(file->espeak_voice); !started)
    return std::cerr << started.error().message << "\n", 1;
  for (std::string line; std::getline(std::cin, line);) {
    voice::Sentences sentences;
    sentences.add(line);
    sentences.finish();
    nlohmann::json spoken = nlohmann::json::array();
    while (const auto sentence = sentences.next()) {
      const std::string phonemes = voice::phonemes_of(*sentence);
      for (const auto& part : voice::ids_of(*file, phonemes, voice::most_ids).parts)
        spoken.push_back(part);
    }
    std::cout << spoken << "\n";
  }
}
