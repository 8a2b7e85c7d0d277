#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limelight/trace.hpp>

#include "profiling/analysis/compressed_reader.hpp"
#include "profiling/analysis/packet_reader.hpp"
#include "profiling/analysis/trace_reader.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/member_file.hpp"
#include "profiling/trace/perfetto_writer.hpp"
#include "profiling/trace/trace_information.hpp"

namespace limelight::profiling {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t copied_bytes = 1 << 18;

struct File {
  int fd = -1;
  explicit File(const fs::path& path) : fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  bool is_free() const { return fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0; }
};

// Counts the slices in a text that arrives in pieces. Each event is a line.
class SliceCount {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') at_ = 0;
      else if (at_ < mark.size()) at_ = mark[at_] == c ? at_ + 1 : mark.size() + 1;
      if (at_ == mark.size()) {
        ++slices;
        ++at_;
      }
    }
  }
  std::uint64_t slices = 0;

 private:
  static constexpr std::string_view mark = "{\"ph\":\"X\"";
  std::size_t at_ = 0;
};

// Whether a text that arrives in pieces begins as a trace does, and ends as a whole one does.
class Ends {
 public:
  void add(std::string_view text) {
    if (begin_.size() < most_kept) begin_ += text.substr(0, most_kept - begin_.size());
    end_ += text.substr(text.size() - std::min(text.size(), most_kept));
    end_.erase(0, end_.size() - std::min(end_.size(), most_kept));
  }
  bool packets() const { return is_packets(begin_); }
  bool begins() const {
    return begin_.starts_with("{") && begin_.find("\n\"traceEvents\": [\n") != std::string::npos;
  }
  bool ends() const {
    const std::size_t name = end_.rfind("\n\"traceName\": \"");
    return name != std::string::npos && end_.ends_with("\n}\n") &&
           end_.find('\n', name + 1) == end_.size() - 3;
  }

 private:
  static constexpr std::size_t most_kept = 1 << 16;
  std::string begin_, end_;
};

struct Members {
  std::uint64_t whole_bytes = 0, slices = 0;
  bool begins = false, packets = false;  // packets: Perfetto's own format
  bool complete = false;  // its rank was killed between the last write and the renaming
};
Result<Members> read_members(const fs::path& part) {
  auto input = CompressedReader::open(part);
  if (!input) return input.error();
  // A member is known to be complete only at its end, so its text is kept until then. One read
  // returns text of one member only.
  Members members;
  SliceCount count;
  Ends ends;
  std::string text(copied_bytes, '\0'), pending;
  std::uint64_t seen = 0;
  const auto count_if_whole = [&] {
    if (input->whole_text() != seen) return;
    count.add(pending);
    ends.add(pending);
    pending.clear();
  };
  for (std::size_t n; (n = input->read(text.data(), text.size())) > 0;) {
    count_if_whole();
    pending.append(text, 0, n);
    seen += n;
    count_if_whole();
  }
  count_if_whole();
  members.whole_bytes = input->whole_bytes();
  members.slices = count.slices;
  members.begins = ends.begins();
  members.packets = ends.packets();
  members.complete = ends.ends();
  return members;
}

// Counts the slices of whole members in Perfetto's format, and finds out when the last one ended.
Result<void> count_packets(const fs::path& part, Members& members, std::int64_t& last_ns) {
  auto events = TraceReader::open(part);
  if (!events) return events.error();
  const std::int64_t base_ns = events->origin().base_ns.value_or(0);
  members.complete = events->keys().contains("limelight");
  for (;;) {
    const auto next = events->next();
    if (!next) return next.error();
    if (!*next) return {};
    if ((*next)->phase != 'X') continue;
    ++members.slices;
    last_ns = std::max(last_ns, base_ns + (*next)->end_ns());
  }
}

// What the rank would have written at the end. Of its process only the file's name is known.
std::string packets_end(const TraceInformation& information,
                        const std::string& name,
                        std::int64_t last_ns) {
  std::string trace;
  JsonWriter json(trace, JsonWriter::Style::compact);
  json.begin_object();
  if (const auto rank = origin_of({}, name).rank) json.member("rank", *rank);
  json.member("traceName", name).end_object();
  return perfetto_statement(information_json(information), trace, 0,
                            static_cast<std::uint64_t>(std::max<std::int64_t>(last_ns, 0)));
}

// Reads the trace to its end. Errors: corrupt.
Result<void> check(const fs::path& trace) {
  auto events = TraceReader::open(trace);
  if (!events) return events.error();
  for (;;) {
    const auto next = events->next();
    if (!next) return next.error();
    if (!*next) break;
  }
  if (const OddEvents& odd = events->odd(); odd.left_out() > 0 || odd.ends_early)
    return Error{ErrorCode::corrupt, trace.string() + ": " + odd.text()};
  if (!events->keys().contains("limelight"))
    return Error{ErrorCode::corrupt, trace.string() + ": found no key 'limelight' at its end"};
  return {};
}

// The first of its names that no file has.
int free_number(const fs::path& whole) {
  int number = 1;
  std::error_code ignored;
  while (fs::exists(fs::symlink_status(numbered(whole, number), ignored))) ++number;
  return number;
}

}  // namespace

Result<Recovered> recover(const fs::path& part) {
  const fs::path whole = whole_of(part);
  if (whole.empty())
    return Error{ErrorCode::invalid_argument,
                 part.string() +
                     ": found another name, expected '.<trace>.part', which a killed rank leaves"};
  const File file(part);
  if (file.fd < 0)
    return Error{ErrorCode::not_found, part.string() + ": cannot open: " + std::strerror(errno)};
  if (!file.is_free())
    return Error{ErrorCode::busy, part.string() + ": its rank is still writing it"};
  const auto size = static_cast<std::uint64_t>(::lseek(file.fd, 0, SEEK_END));
  const auto read = read_members(part);
  if (!read) return read.error();
  Members members = *read;
  if (members.whole_bytes == 0)
    return Error{ErrorCode::corrupt,
                 part.string() + ": found no complete member, so nothing can be recovered"};
  if (!members.begins && !members.packets)
    return Error{ErrorCode::corrupt, part.string() + ": found no head of a trace in it"};

  const auto io_error = [&](const char* what) {
    return Error{ErrorCode::io, part.string() + ": " + what + ": " + std::strerror(errno)};
  };
  const auto cut_off = [&] {
    return ::ftruncate(file.fd, static_cast<off_t>(members.whole_bytes)) == 0 &&
           ::lseek(file.fd, 0, SEEK_END) >= 0;
  };
  if (!cut_off()) return io_error("cannot cut off the torn member");
  int number = free_number(whole);
  std::int64_t last_ns = 0;
  if (members.packets)
    if (const auto counted = count_packets(part, members, last_ns); !counted)
      return Error{ErrorCode::corrupt, "no trace can be made of it: " + counted.error().message};
  if (!members.complete) {
    const auto compressor = make_compressor(whole);
    TraceInformation information;  // all other values were known to the rank only
    if (std::string session = session_name_of(whole.filename().string()); !session.empty())
      information.session = std::move(session);
    information.recovered = true;
    information.events = members.slices;
    const std::string name = numbered(whole, number).filename().string();
    compressor->add(members.packets ? packets_end(information, name, last_ns)
                                    : trace_end(information, name));
    const std::string_view end = compressor->finish();
    if (::write(file.fd, end.data(), end.size()) != static_cast<ssize_t>(end.size()) ||
        ::fsync(file.fd) != 0) {
      const Error failed = io_error("cannot write the end");
      (void)cut_off();
      return failed;
    }
  }
  if (const auto good = check(part); !good) {
    (void)cut_off();
    return Error{ErrorCode::corrupt, "no trace can be made of it: " + good.error().message};
  }
  while (!rename_to_free_name(part, numbered(whole, number))) {
    if (errno != EEXIST) return io_error("cannot rename");
    ++number;
  }
  return Recovered{numbered(whole, number), members.slices, size - members.whole_bytes};
}

std::vector<fs::path> unfinished_traces(const fs::path& folder) {
  std::vector<fs::path> found;
  const auto named = trace_folder(folder);  // which may begin with ~
  if (!named) return found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(*named, failed))
    if (const std::string name = whole_of(entry.path());
        (name.ends_with(".pt.trace.json.gz") || name.ends_with(".pt.trace.json.zst") ||
         name.ends_with(".pt.trace.pftrace")) &&
        File(entry.path()).is_free())
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace limelight::profiling
