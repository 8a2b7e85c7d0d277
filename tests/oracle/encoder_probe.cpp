// Compares the encoders with the reference's results in folders of make_encoder_models.py.
//
//   encoder_probe <folder>...
#include <cstdio>

#include "tests/encoder_checks.hpp"

int main(int argc, char** argv) {
  int wrong = argc < 2;
  for (int i = 1; i < argc; ++i)
    for (const auto& [name, difference] : limelight::tests::compare_encoders(argv[i])) {
      const bool good = difference <= 1e-4;
      std::printf("%s %s: %.2g%s\n", argv[i], name.c_str(), difference, good ? "" : " WRONG");
      wrong += !good;
    }
  return wrong != 0;
}
