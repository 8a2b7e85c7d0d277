#include "stages/models/kv_cache.hpp"

#include <algorithm>

#include "base/memory.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

namespace {
std::uint64_t hash_of(std::uint64_t parent, std::span<const int> tokens) {
  std::uint64_t hash = mix64(parent + 1);
  for (const int token : tokens) hash = mix64(hash ^ static_cast<std::uint32_t>(token));
  return hash;
}
std::size_t to_size(int number) { return static_cast<std::size_t>(number); }
}  // namespace

std::uint64_t KvCache::block_bytes(const Options& o) noexcept {
  const auto number = [](int x) { return static_cast<std::uint64_t>(x); };
  return number(o.block_size) * sizeof(float) *
         (2 * number(o.layers) * number(o.width) + o.states.size() * number(o.state_width));
}

KvCache::KvCache(Device& device, const Options& options)
    : options_(options), hold_(options.blocks), blocks_(to_size(options.blocks)) {
  const profiling::MemoryScope scope(profiling::MemoryHolder::kv_cache);
  const std::size_t slots = to_size(options.blocks) * to_size(options.block_size);
  for (int layer = 0; layer < options.layers; ++layer) {
    keys_.emplace_back(device, slots * to_size(options.width));
    values_.emplace_back(device, slots * to_size(options.width));
  }
  for (std::size_t i = 0; i < options.states.size(); ++i)
    states_.emplace_back(device, slots * to_size(options.state_width));
  for (std::int32_t block = options.blocks - 1; block >= 0; --block) unused_.push_back(block);
}

int cache_blocks(const CacheConfig& config,
                 int max_model_len,
                 int sequences,
                 std::uint64_t block_bytes) {
  constexpr std::int64_t most = 1 << 24;
  const std::int64_t each = (max_model_len + config.block_size - 1) / config.block_size;
  std::int64_t blocks = each * sequences;
  if (config.blocks > 0) blocks = config.blocks;
  else if (config.bytes > 0)
    blocks = static_cast<std::int64_t>(
        std::min<std::uint64_t>(config.bytes / block_bytes, static_cast<std::uint64_t>(most)));
  else if (config.memory_fraction > 0)
    blocks = std::min(blocks, static_cast<std::int64_t>(config.memory_fraction *
                                                        static_cast<double>(available_memory()) /
                                                        static_cast<double>(block_bytes)));
  return static_cast<int>(std::clamp<std::int64_t>(blocks, each, most));
}

std::uint64_t longest_sequence_bytes(const StageConfig& config) {
  const DecoderShape& s = config.shape;
  const int size = config.cache.block_size;
  return static_cast<std::uint64_t>((s.max_model_len + size - 1) / size) *
         KvCache::block_bytes({.layers = s.layers,
                               .width = s.kv_heads / config.tensor_parallel_size * s.head_dim,
                               .block_size = size,
                               .state_width = s.hidden,
                               .states = {s.layers}});
}

int KvCache::blocks_for(int positions) const noexcept {
  return (positions + options_.block_size - 1) / options_.block_size;
}

std::int32_t KvCache::lookup(std::uint64_t parent, std::span<const int> tokens) const {
  const auto [begin, end] = found_by_.equal_range(hash_of(parent, tokens));
  for (auto at = begin; at != end; ++at) {
    const Block& block = blocks_[to_size(at->second)];
    if (block.parent == parent &&
        std::equal(tokens.begin(), tokens.end(), block.tokens.begin(), block.tokens.end()))
      return at->second;
  }
  return -1;
}

void KvCache::forget(Block& block) {
  const auto [begin, end] = found_by_.equal_range(block.hash);
  const auto at = std::find_if(
      begin, end, [&](const auto& entry) { return &blocks_[to_size(entry.second)] == &block; });
  found_by_.erase(at);
  block.id = 0;
  block.tokens.clear();
}

std::int32_t KvCache::take() {
  std::int32_t block;
  if (!unused_.empty()) {
    block = unused_.back();
    unused_.pop_back();
  } else {
    block = idle_.front();
    idle_.pop_front();
    forget(blocks_[to_size(block)]);
  }
  blocks_[to_size(block)].users = 1;
  return block;
}

int KvCache::find(std::span<const int> tokens, Sequence& sequence) {
  if (!options_.share) return 0;
  const std::size_t size = to_size(options_.block_size);
  std::uint64_t parent = 0;
  for (std::size_t at = 0; at + size < tokens.size(); at += size) {
    const std::int32_t found = lookup(parent, tokens.subspan(at, size));
    if (found < 0) break;
    Block& block = blocks_[to_size(found)];
    if (block.users++ == 0) idle_.erase(block.idle);
    sequence.blocks.push_back(found);
    parent = block.id;
  }
  note_use();
  sequence.position = sequence.shared =
      static_cast<int>(sequence.blocks.size()) * options_.block_size;
  return sequence.position;
}

bool KvCache::reserve(int rows, Sequence& sequence) {
  const int more = blocks_for(sequence.position + rows) - static_cast<int>(sequence.blocks.size());
  if (more > free_blocks()) return false;
  for (int i = 0; i < more; ++i) sequence.blocks.push_back(take());
  note_use();
  return true;
}

void KvCache::computed(int rows, std::span<const int> tokens, Sequence& sequence) {
  const int size = options_.block_size, before = sequence.position / size;
  sequence.position += rows;
  if (!options_.share || tokens.empty()) return;
  for (int i = before; i < sequence.position / size; ++i) {
    Block& block = blocks_[to_size(sequence.blocks[to_size(i)])];
    const std::uint64_t parent = i == 0 ? 0 : blocks_[to_size(sequence.blocks[to_size(i - 1)])].id;
    // Its beginning cannot be found, so neither can this block.
    if (i > 0 && parent == 0) return;
    const auto part = tokens.subspan(to_size(i) * to_size(size), to_size(size));
    // Another sequence with the same tokens was computed beside this one: one of them is enough.
    if (lookup(parent, part) >= 0) return;
    block.id = ++last_id_;
    block.parent = parent;
    block.tokens.assign(part.begin(), part.end());
    block.hash = hash_of(parent, part);
    found_by_.emplace(block.hash, sequence.blocks[to_size(i)]);
  }
}

void KvCache::release(Sequence& sequence) {
  // The last block goes first, so that the beginning of a prompt is kept longest.
  std::for_each(sequence.blocks.rbegin(), sequence.blocks.rend(), [this](std::int32_t index) {
    Block& block = blocks_[to_size(index)];
    if (--block.users > 0) return;
    if (block.id == 0) unused_.push_back(index);
    else block.idle = idle_.insert(idle_.end(), index);
  });
  sequence = {};
  note_use();
}

}  // namespace limelight::stages
