#include "collect/http_reader.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{1} << 30;
constexpr long kConnectTimeoutMs = 10'000;
constexpr size_t kQuotedBytes = 300;

size_t TakeBody(char* data, size_t size, size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kMaxAnswerBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

int StopWhenOver(void* patience, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Patience*>(patience)->Over() ? 1 : 0;
}

// Without what may be a secret: user, password and query.
std::string Shown(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t path = std::min(url.find_first_of("/?", host), url.size());
  const size_t at = url.rfind('@', path);
  const size_t query = std::min(url.find('?'), url.size());
  const size_t from = at == std::string::npos || at < host ? host : at + 1;
  return url.substr(0, host) + url.substr(from, query - from);
}

}  // namespace

HttpReader::HttpReader() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  curl_ = curl_easy_init();
}

HttpReader::~HttpReader() { curl_easy_cleanup(curl_); }

absl::StatusOr<std::string> HttpReader::Read(const Request& request, const Patience& patience) {
  std::string body;
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_slist* headers = nullptr;
  for (const std::string& header : request.headers) headers = curl_slist_append(headers, header.c_str());
  curl_easy_reset(curl_);
  curl_easy_setopt(curl_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");  // triggers do not heed the environment's either
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
  if (!request.body.empty()) {
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, why.data());
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, StopWhenOver);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &patience);
  answered_ = 0;
  const CURLcode code = curl_easy_perform(curl_);
  curl_slist_free_all(headers);
  const std::string shown = Shown(request.url);
  if (code == CURLE_ABORTED_BY_CALLBACK) return absl::UnavailableError(fmt::format("{} did not answer in time", shown));
  if (code != CURLE_OK) {
    const std::string text = why[0] != '\0' ? why.data() : curl_easy_strerror(code);
    const bool for_good =
        code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WRITE_ERROR;
    const std::string message = fmt::format("{} cannot be asked: {}", shown, text);
    return for_good ? absl::InvalidArgumentError(message + "; correct the collector's url")
                    : absl::UnavailableError(message + "; is it running there?");
  }
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answered_);
  const long status = answered_;
  if (status >= 200 && status < 300) return body;
  const std::string message = fmt::format("{} answered with {}: {}", shown, status, PlainText(body, kQuotedBytes));
  // What a run has made may not be there yet.
  if (status == 404) return absl::UnavailableError(message + "; if it never comes, correct the collector's url");
  if (status == 408 || status == 425 || status == 429 || status >= 500) return absl::UnavailableError(message);
  if (status != 401 && status != 403) return absl::InvalidArgumentError(message + "; correct the collector's url");
  return absl::Status(status == 401 ? absl::StatusCode::kUnauthenticated : absl::StatusCode::kInvalidArgument,
                      message + "; give the collector's headers a login that may read");
}

}  // namespace assay
