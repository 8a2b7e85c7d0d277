#include "actors/telemetry/span_exporter.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <limelight/version.hpp>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "actors/telemetry/otlp_json.hpp"
#include "base/log.hpp"

namespace limelight::telemetry {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t most_answer_bytes = 64 << 10;

std::size_t keep_some(char* from, std::size_t, std::size_t size, void* to) {
  auto& text = *static_cast<std::string*>(to);
  text.append(from, std::min(size, most_answer_bytes - std::min(text.size(), most_answer_bytes)));
  return size;
}

std::string part_of(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (::curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string part = text;
  ::curl_free(text);
  return part;
}

Result<void> check_endpoint(const std::string& endpoint) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(::curl_url(), ::curl_url_cleanup);
  const bool good = ::curl_url_set(url.get(), CURLUPART_URL, endpoint.c_str(), 0) == CURLUE_OK;
  const std::string scheme = good ? part_of(url.get(), CURLUPART_SCHEME) : "";
  if ((scheme == "http" || scheme == "https") && part_of(url.get(), CURLUPART_PATH).size() > 1)
    return {};
  return Error{ErrorCode::invalid_argument,
               "otlp-endpoint: found '" + endpoint +
                   "', expected a URL such as http://127.0.0.1:4318/v1/traces"};
}

}  // namespace

Attributes resource_of(const std::string& command) {
  const char* name = std::getenv("OTEL_SERVICE_NAME");
  return {{"service.name", std::string(name != nullptr && *name != '\0' ? name : "limelight")},
          {"service.version", std::string(version)},
          {"process.pid", std::int64_t{::getpid()}},
          {"process.command", "limelight " + command}};
}

class SpanExporter::Worker {
 public:
  explicit Worker(ExportOptions options)
      : options_(std::move(options)), curl_(::curl_easy_init(), ::curl_easy_cleanup) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void end() {
    {
      const std::lock_guard lock(mutex_);
      last_moment_ = Clock::now() + options_.flush_time;
    }
    wake_.notify_all();
    thread_.join();
    const std::lock_guard lock(mutex_);
    counts_.dropped += waiting_.size();
    if (counts_.sent + counts_.dropped == 0) return;
    log(counts_.dropped > 0 ? LogLevel::warning : LogLevel::info,
        "OpenTelemetry: " + std::to_string(counts_.sent) + " spans sent to " + options_.endpoint +
            ", " + std::to_string(counts_.dropped) + " dropped");
  }
  void add(std::vector<Span> spans) {
    const std::lock_guard lock(mutex_);
    const std::size_t room =
        options_.most_waiting - std::min(options_.most_waiting, waiting_.size());
    const std::size_t kept = std::min(room, spans.size());
    counts_.dropped += spans.size() - kept;
    if (kept == 0) return;
    if (waiting_.empty()) first_came_ = Clock::now();
    const auto end = spans.begin() + static_cast<std::ptrdiff_t>(kept);
    waiting_.insert(waiting_.end(), std::make_move_iterator(spans.begin()),
                    std::make_move_iterator(end));
    if (waiting_.size() >= options_.batch || waiting_.size() == kept) wake_.notify_all();
  }
  ExportCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  enum class Outcome : std::uint8_t { sent, again, refused };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      while (!last_moment_ && waiting_.size() < options_.batch) {
        if (waiting_.empty()) wake_.wait(lock);
        else if (wake_.wait_until(lock, first_came_ + options_.interval) == std::cv_status::timeout)
          break;
      }
      if (waiting_.empty() || is_over(lock)) return;
      const std::vector<Span> batch = take_batch();
      lock.unlock();
      const std::size_t sent = deliver(batch);
      lock.lock();
      counts_.sent += sent;
      counts_.dropped += batch.size() - sent;
    }
  }
  bool is_over(const std::unique_lock<std::mutex>&) const {
    return last_moment_ && Clock::now() >= *last_moment_;
  }
  std::vector<Span> take_batch() {
    const auto end =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), options_.batch));
    std::vector<Span> batch(std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    first_came_ = Clock::now();
    return batch;
  }

  // Returns how many spans the collector took.
  std::size_t deliver(const std::vector<Span>& batch) {
    const std::string body = to_otlp(batch, options_.resource);
    milliseconds pause = options_.first_pause;
    for (int attempt = 1;; ++attempt) {
      std::size_t rejected = 0;
      const Outcome outcome = post(body, rejected);
      if (outcome == Outcome::sent) return batch.size() - std::min(rejected, batch.size());
      if (outcome == Outcome::refused || attempt >= options_.tries) return 0;
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, pause, [this] { return last_moment_.has_value(); });
      if (last_moment_) return 0;  // whoever is away now is not waited for at the end
      pause *= 2;
    }
  }

  Outcome post(const std::string& body, std::size_t& rejected) {
    CURL* curl = curl_.get();
    std::string text;
    ::curl_slist* headers = ::curl_slist_append(nullptr, "Content-Type: application/json");
    headers = ::curl_slist_append(headers, "Expect:");
    ::curl_easy_reset(curl);  // connections are kept
    ::curl_easy_setopt(curl, CURLOPT_URL, options_.endpoint.c_str());
    ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.answer_time.count()));
    ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "limelight");
    ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_some);
    ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    // At the end nobody waits for longer than flush_time.
    using Look = int (*)(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
    const Look look = [](void* worker, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
      const auto* it = static_cast<const Worker*>(worker);
      const std::unique_lock lock(it->mutex_);
      return it->is_over(lock) ? 1 : 0;
    };
    ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
    const CURLcode code = ::curl_easy_perform(curl);
    ::curl_slist_free_all(headers);
    long status = 0;
    ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) return is_away(::curl_easy_strerror(code));
    if (status == 408 || status == 429 || (status >= 502 && status <= 504))
      return is_away("status " + std::to_string(status));
    const OtlpAnswer answer = read_otlp_answer(text);
    if (status < 200 || status > 299) {
      say_refusal("status " + std::to_string(status) + (answer.why.empty() ? "" : ": ") +
                  answer.why);
      return Outcome::refused;
    }
    if (std::exchange(away_, false))
      log(LogLevel::info, "OpenTelemetry: " + options_.endpoint + " answers again");
    rejected = answer.rejected;
    if (rejected > 0)
      say_refusal(std::to_string(rejected) + " spans were rejected" +
                  (answer.why.empty() ? "" : ": ") + answer.why);
    return Outcome::sent;
  }
  Outcome is_away(const std::string& why) {
    if (!std::exchange(away_, true))
      log(LogLevel::warning,
          "OpenTelemetry: " + options_.endpoint + " does not take spans: " + why + ": " +
              std::to_string(options_.most_waiting) + " are kept meanwhile, and others dropped");
    return Outcome::again;
  }
  void say_refusal(const std::string& why) {
    if (!std::exchange(refusal_said_, true))
      log(LogLevel::error, "OpenTelemetry: " + options_.endpoint + ": " + why);
  }

  const ExportOptions options_;
  const std::unique_ptr<CURL, void (*)(CURL*)> curl_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Span> waiting_;
  Clock::time_point first_came_ = {};             // of those that wait
  std::optional<Clock::time_point> last_moment_;  // once it is to end
  ExportCounts counts_;
  bool away_ = false, refusal_said_ = false;  // of the thread
  std::thread thread_;
};

SpanExporter::SpanExporter(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {
  worker_->start();
}
SpanExporter::~SpanExporter() { worker_->end(); }

Result<std::unique_ptr<SpanExporter>> SpanExporter::open(ExportOptions options) {
  static const CURLcode made = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (made != CURLE_OK)
    return Error{ErrorCode::unavailable,
                 std::string("libcurl cannot be used: ") + ::curl_easy_strerror(made)};
  if (const auto good = check_endpoint(options.endpoint); !good) return good.error();
  return std::unique_ptr<SpanExporter>(
      new SpanExporter(std::make_unique<Worker>(std::move(options))));
}
void SpanExporter::add(std::vector<Span> spans) { worker_->add(std::move(spans)); }
ExportCounts SpanExporter::counts() const { return worker_->counts(); }

}  // namespace limelight::telemetry
