#include "actors/orchestrator/fetched_file.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include "profiling/trace/member_file.hpp"

namespace limelight::actors {

namespace fs = std::filesystem;
namespace prof = limelight::profiling;

namespace {

constexpr std::chrono::seconds fetch_time{30};  // for a piece

// Both have the same bytes.
bool are_equal(const fs::path& one, const fs::path& other) {
  std::error_code failed;
  if (fs::file_size(one, failed) != fs::file_size(other, failed) || failed) return false;
  std::ifstream a(one, std::ios::binary), b(other, std::ios::binary);
  return std::equal(std::istreambuf_iterator<char>(a), {}, std::istreambuf_iterator<char>(b));
}

// The name that a collected file has in the end: nothing is overwritten. A node may be of this
// machine, or share its disk: then the file is there already.
Result<fs::path> put_in_place(const fs::path& part, const fs::path& file) {
  if (are_equal(part, file)) return file;
  for (int number = 1; number < 1000; ++number) {
    const fs::path name = prof::numbered(file, number);
    if (prof::rename_to_free_name(part, name)) return name;
    if (errno != EEXIST) break;
  }
  return Error{ErrorCode::io, file.string() + ": cannot be written: " + std::strerror(errno)};
}

}  // namespace

Result<fs::path> fetch_file(caf::actor_system& system,
                            const NodeActor& from,
                            const std::string& where,
                            const std::string& path,
                            const fs::path& folder) {
  const fs::path file = folder / fs::path(path).filename(),
                 part_file = folder / ("." + file.filename().string() + ".collect");
  std::ofstream out(part_file, std::ios::binary);
  const struct Remove {
    const fs::path& path;
    ~Remove() {
      std::error_code ignored;
      fs::remove(path, ignored);
    }
  } remove{part_file};
  caf::scoped_actor self(system, true);
  for (std::uint64_t offset = 0;;) {
    TracePart part;
    self->request(from, fetch_time, ReadTrace{path, offset})
        .receive([&](TracePart& said) { part = std::move(said); },
                 [&](const caf::error& failed) {
                   part.error = {ErrorCode::timeout,
                                 where + " does not answer: " + system.render(failed)};
                 });
    if (part.error.code != ErrorCode::none) return part.error;
    if (part.bytes.empty()) break;
    out.write(part.bytes.data(), static_cast<std::streamsize>(part.bytes.size()));
    offset += part.bytes.size();
  }
  out.close();
  if (!out) return Error{ErrorCode::io, part_file.string() + ": cannot be written"};
  return put_in_place(part_file, file);
}

}  // namespace limelight::actors
