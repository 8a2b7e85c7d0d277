// The keys and values that a decoder remembers, in blocks of a fixed number of positions, so that
// sequences of any length share one memory (paged attention, Kwon et al. 2023).
//
//   sequence   a  [ 4 | 7 | 2 ]   the blocks that hold its positions, in order
//   sequence   b  [ 4 | 7 | 9 ]   begins with the same tokens as a: shares two blocks with it
//   free          0 1 3 5 6 8     of these, 3 and 8 still hold the beginning of a prompt that
//                                 was served; they are given away last, least recently used first
//
// A whole block is found again by the tokens in it and the block before it; tokens are compared,
// not only their hash. Blocks that are shared are never written.
//
// The memory of all blocks is allocated once and is never moved; the system gives its pages when
// they are first written. One thread uses a cache. The ranks of a group that call the same
// functions in the same order have the same blocks.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "stages/devices/device.hpp"

namespace limelight::stages {

class KvCache {
 public:
  struct Options {
    int layers = 0;
    int width = 0;  // of a position's keys in one layer: kv_heads / ranks * head_dim
    int blocks = 0;
    int block_size = 16;  // positions
    // Rows of the decoder that are kept beside the keys: their width, and after how many layers
    // they are taken, once for each number; all layers: the normalised output.
    int state_width = 0;
    std::vector<int> states = {};
    bool share = true;  // whole blocks are found again by their tokens
  };
  // The bytes of one block.
  static std::uint64_t block_bytes(const Options& options) noexcept;

  // One request's positions. It belongs to the cache that filled it; release() gives it back.
  struct Sequence {
    std::vector<std::int32_t> blocks;
    int position = 0;  // positions that are computed
    int shared = 0;    // positions that were found, not computed
  };

  KvCache(Device& device, const Options& options);

  // Starts a sequence with the blocks that hold the beginning of `tokens`, all but at least one
  // token: the last one is computed, for its logits. Returns the number of positions found.
  int find(std::span<const int> tokens, Sequence& sequence);
  // Makes room for `rows` more positions. False, and nothing changed, if not enough blocks are
  // free.
  bool reserve(int rows, Sequence& sequence);
  // The positions up to the end of `tokens`, which are those of the whole sequence, are computed:
  // whole blocks can be found from now on. tokens: empty if the sequence has none.
  void computed(int rows, std::span<const int> tokens, Sequence& sequence);
  void release(Sequence& sequence);

  int blocks_for(int positions) const noexcept;
  int block_count() const noexcept { return options_.blocks; }
  int free_blocks() const noexcept { return static_cast<int>(unused_.size() + idle_.size()); }
  const Options& options() const noexcept { return options_; }

  std::span<float> keys(std::size_t layer) { return keys_[layer].span(); }
  std::span<float> values(std::size_t layer) { return values_[layer].span(); }
  // Those of options().states[index]: [slots, state_width].
  std::span<float> states(std::size_t index) { return states_[index].span(); }

 private:
  struct Block {
    int users = 0;
    std::uint64_t id = 0;      // of these contents; 0: they cannot be found
    std::uint64_t parent = 0;  // the id of the block before it; 0: it is the first
    std::uint64_t hash = 0;
    std::vector<int> tokens;
    std::list<std::int32_t>::iterator idle;  // if it has no users and an id
  };
  std::int32_t take();
  std::int32_t lookup(std::uint64_t parent, std::span<const int> tokens) const;
  void forget(Block& block);

  void note_use() { hold_.set_used(options_.blocks - free_blocks()); }

  Options options_;
  profiling::BlocksHold hold_;
  std::vector<Array> keys_, values_;  // one for each layer: [slots, width]
  std::vector<Array> states_;
  std::vector<Block> blocks_;
  std::vector<std::int32_t> unused_;  // hold nothing
  std::list<std::int32_t> idle_;      // hold what can be found; least recently used first
  std::unordered_multimap<std::uint64_t, std::int32_t> found_by_;
  std::uint64_t last_id_ = 0;
};

// The number of blocks that a rank has. sequences: how many sequences of max_model_len there is
// room for unless the config says otherwise; memory_fraction never gives more than that, the other
// two keys give what they say.
int cache_blocks(const CacheConfig& config,
                 int max_model_len,
                 int sequences,
                 std::uint64_t block_bytes);
// What the keys and values of one sequence of max_model_len take on each rank of a stage.
std::uint64_t longest_sequence_bytes(const StageConfig& config);

}  // namespace limelight::stages
