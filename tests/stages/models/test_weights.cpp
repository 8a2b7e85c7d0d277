// Weights: the same however a matrix is split, and only what is asked for.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "stages/models/weights.hpp"
#include "tests/stages/models/fixtures.hpp"

using namespace limelight::stages;
using namespace limelight::tests;

namespace {
// The part, out of the whole.
std::vector<float> cut(const std::vector<float>& whole, const MatrixPart& part) {
  std::vector<float> out;
  for (int r = part.row; r < part.row + part.rows; ++r)
    for (int c = part.col; c < part.col + part.cols; ++c)
      out.push_back(whole[static_cast<std::size_t>(r * part.full_cols + c)]);
  return out;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(weights)

BOOST_AUTO_TEST_CASE(dummies_are_the_same_however_they_are_split_and_others_for_other_names) {
  DummyWeights first(1), second(1), other(2);
  const auto whole = first.load("a", MatrixPart::whole(8, 12));
  BOOST_TEST((second.load("a", MatrixPart::whole(8, 12)) == whole));
  BOOST_TEST((first.load("b", MatrixPart::whole(8, 12)) != whole));
  BOOST_TEST((other.load("a", MatrixPart::whole(8, 12)) != whole));
  for (const MatrixPart& part : {MatrixPart{8, 12, 4, 4, 0, 12}, MatrixPart{8, 12, 0, 8, 6, 6},
                                 MatrixPart{8, 12, 7, 1, 11, 1}})
    BOOST_TEST((second.load("a", part) == cut(whole, part)));
  for (const float w : whole) BOOST_TEST(std::abs(w) <= std::sqrt(3.0f / 12));
  BOOST_TEST(first.has("layers.0.q_proj"));
  BOOST_TEST(!first.has("layers.0.input_norm"));
  BOOST_TEST(!first.has("layers.0.q_proj.bias"));
}

BOOST_AUTO_TEST_CASE(rows_are_those_of_the_matrix_and_outlive_the_loader) {
  std::function<void(int, std::span<float>)> rows;
  std::vector<float> whole;
  {
    DummyWeights dummies(3);
    whole = dummies.load("embed", MatrixPart::whole(5, 4));
    rows = dummies.rows("embed", 5, 4);
  }
  std::vector<float> row(4);
  for (int r = 0; r < 5; ++r) {
    rows(r, row);
    BOOST_TEST((row == cut(whole, {5, 4, r, 1, 0, 4})));
  }
}

BOOST_AUTO_TEST_CASE(parts_of_a_model_s_file_are_those_of_the_whole_and_so_are_its_rows) {
  for (const Case& c : cases) {
    const auto file = open_model(fixtures / c.folder / c.file);
    FileWeights weights(file);
    BOOST_TEST(weights.has("embed_tokens"));
    BOOST_TEST(!weights.has("embed_tokens.bias"));
    const FileTensor& tensor = *file->find("layers.0.down_proj");
    const auto rows = static_cast<int>(tensor.rows), cols = static_cast<int>(tensor.cols);
    const auto whole = weights.load("layers.0.down_proj", MatrixPart::whole(rows, cols));
    BOOST_TEST(whole.size() == tensor.rows * tensor.cols);
    const auto block = static_cast<int>(block_format(tensor.type).values);
    for (const MatrixPart& part : {MatrixPart{rows, cols, rows / 2, rows / 2, 0, cols},
                                   MatrixPart{rows, cols, 0, rows, cols - block, block}})
      BOOST_TEST((weights.load("layers.0.down_proj", part) == cut(whole, part)), c.folder);

    const int vocab = file->shape().vocab, hidden = file->shape().hidden;
    const auto embedding = weights.load("embed_tokens", MatrixPart::whole(vocab, hidden));
    const auto embed = weights.rows("embed_tokens", vocab, hidden);
    std::vector<float> row(static_cast<std::size_t>(hidden));
    for (const int token : {0, 7, vocab - 1}) {
      embed(token, row);
      BOOST_TEST((row == cut(embedding, {vocab, hidden, token, 1, 0, hidden})), c.folder);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
