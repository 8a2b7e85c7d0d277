#include "profiling/analysis/trace_set.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include "profiling/analysis/counted.hpp"
#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

namespace fs = std::filesystem;

namespace {

struct Candidate {
  fs::path path;
  TraceOrigin origin;
  struct stat status {};
  std::shared_ptr<const void> kept{};
};

// A pipe or a device has no bytes that could be compared and read again.
bool same_bytes(const Candidate& a, const Candidate& b) {
  if (a.status.st_dev == b.status.st_dev && a.status.st_ino == b.status.st_ino) return true;
  if (a.status.st_size != b.status.st_size || !S_ISREG(a.status.st_mode) ||
      !S_ISREG(b.status.st_mode))
    return false;
  std::ifstream first(a.path, std::ios::binary), second(b.path, std::ios::binary);
  return std::equal(std::istreambuf_iterator<char>(first), std::istreambuf_iterator<char>(),
                    std::istreambuf_iterator<char>(second), std::istreambuf_iterator<char>());
}

// Old files of ours, and copies with other names, say their session behind their events alone.
Result<std::string> session_behind_events(const fs::path& file) {
  auto reader = TraceReader::open(file);
  if (!reader) return reader.error();
  for (;;) {
    const auto event = reader->next();
    if (!event) return event.error();
    if (!*event) return session_of_own(reader->keys());
  }
}

Result<Candidate> look_at(const fs::path& file) {
  Candidate found{.path = file, .origin = {}};
  if (::stat(file.c_str(), &found.status) != 0)
    return Error{ErrorCode::not_found, file.string() + ": cannot open: " + std::strerror(errno)};
  // A pipe can be read once, and by the tool.
  if (S_ISFIFO(found.status.st_mode)) return found;
  auto reader = TraceReader::open(file);
  if (!reader) return reader.error();
  found.origin = reader->origin();
  found.kept = reader->kept();
  if (found.origin.limelight && found.origin.session.empty()) {
    auto session = session_behind_events(file);
    if (!session) return session.error();
    found.origin.session = std::move(session).value();
  }
  return found;
}

// The time of a session stands at the end of its name.
std::string time_of(const std::string& session) {
  const std::size_t at = session.find_last_not_of("0123456789.");
  std::string digits = session.substr(at == std::string::npos ? 0 : at + 1);
  const std::size_t width = std::min(digits.find('.'), digits.size());
  return std::string(width < 24 ? 24 - width : 0, '0') + digits;
}
bool is_flight(const std::string& session) { return session.starts_with("flight-"); }
bool is_earlier(const std::string& a, const std::string& b) {
  if (is_flight(a) != is_flight(b)) return is_flight(a);
  return time_of(a) != time_of(b) ? time_of(a) < time_of(b) : a < b;
}

std::string named(const std::string& session) {
  return session.empty() ? "of an unknown session" : "session '" + session + "'";
}

using Sessions = std::map<std::string, std::vector<const Candidate*>>;

// Chooses a session, and says so if there are several.
Result<std::string> choose(const Sessions& sessions,
                           const std::string& wanted,
                           std::vector<std::string>& notes) {
  std::string names, others, chosen;
  bool any = false;
  for (const auto& [session, files] : sessions) {
    names += (names.empty() ? "" : ", ") + named(session);
    if (!any || is_earlier(chosen, session)) chosen = session;
    any = true;
  }
  if (!wanted.empty()) {
    if (!sessions.contains(wanted))
      return Error{ErrorCode::not_found, "found no session '" + wanted +
                                             "' in these files; there are: " +
                                             (names.empty() ? "none that is known" : names)};
    chosen = wanted;
  }
  for (const auto& [session, files] : sessions)
    if (session != chosen)
      others += (others.empty() ? "" : ", ") + named(session) + " (" +
                counted(files.size(), "file", "files") + ")";
  if (!others.empty())
    notes.push_back("shown: " + named(chosen) + " (" +
                    counted(sessions.at(chosen).size(), "file", "files") +
                    "); left out: " + others + "; --session NAME shows another");
  return chosen;
}

}  // namespace

Result<TraceSet> choose_traces(const std::vector<fs::path>& files, const std::string& wanted) {
  if (files.empty())
    return Error{ErrorCode::invalid_argument, "found no file, expected at least one trace"};
  std::vector<Candidate> candidates;
  TraceSet set;
  for (const fs::path& file : files) {
    auto found = look_at(file);
    if (!found) return found.error();
    const auto twin = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const Candidate& c) { return same_bytes(c, *found); });
    if (twin != candidates.end()) {
      set.notes.push_back(file.string() + " is " + twin->path.string() +
                          " once more, and was read once");
      continue;
    }
    candidates.push_back(std::move(found).value());
  }
  Sessions sessions;
  for (const Candidate& candidate : candidates)
    if (candidate.origin.limelight || !candidate.origin.session.empty())
      sessions[candidate.origin.session].push_back(&candidate);
  std::string chosen;
  if (!sessions.empty() || !wanted.empty()) {
    auto session = choose(sessions, wanted, set.notes);
    if (!session) return session.error();
    chosen = std::move(session).value();
  }
  const auto is_shown = [&](const Candidate& candidate) {
    const bool of_session = candidate.origin.limelight || !candidate.origin.session.empty();
    return of_session ? candidate.origin.session == chosen : wanted.empty();
  };
  const bool has_ranks = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
    return is_shown(c) && !c.origin.merged && c.origin.limelight;
  });
  std::map<std::pair<std::string, int>, fs::path> ranks;
  const fs::path* merged = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!is_shown(candidate)) continue;
    if (candidate.origin.merged && (has_ranks || merged != nullptr)) {
      set.notes.push_back(candidate.path.string() + " is a merged file, and was left out beside " +
                          (has_ranks ? "the files of ranks" : merged->string()));
      continue;
    }
    if (candidate.origin.merged) merged = &candidate.path;
    if (candidate.origin.rank) {
      const auto [at, fresh] =
          ranks.emplace(std::pair(candidate.origin.stage, *candidate.origin.rank), candidate.path);
      if (!fresh)
        set.notes.push_back("rank " + std::to_string(*candidate.origin.rank) + " is in " +
                            at->second.string() + " and in " + candidate.path.string() +
                            "; both are shown");
    }
    set.files.push_back(candidate.path);
    if (candidate.kept) set.kept.push_back(candidate.kept);
  }
  return set;
}

}  // namespace limelight::profiling
