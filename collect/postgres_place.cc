#include "collect/postgres_place.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr const char* kDefaultPort = "5432";
constexpr size_t kMostUrlErrorBytes = 1'000;

bool IsSocket(const std::string& host) { return host.empty() || host.front() == '/' || host.front() == '@'; }

std::string OrOfEnvironment(std::string value, const char* variable) {
  const char* const given = value.empty() ? std::getenv(variable) : nullptr;
  return given == nullptr ? std::move(value) : std::string(given);
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin != std::string::npos;) {
    const size_t comma = list.find(',', begin);
    parts.push_back(list.substr(begin, comma == std::string::npos ? comma : comma - begin));
    begin = comma == std::string::npos ? comma : comma + 1;
  }
  return parts;
}

}  // namespace

absl::StatusOr<PostgresPlace> PostgresPlace::Of(const std::string& url) {
  char* why = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(url.c_str(), &why);
  if (parsed == nullptr) {
    std::string text = why == nullptr ? "out of memory" : why;
    PQfreemem(why);
    while (text.ends_with('\n')) text.pop_back();
    return absl::InvalidArgumentError(
        fmt::format("the url cannot be read: {}; it reads like postgresql://user@host:5432/database",
                    PlainText(text, kMostUrlErrorBytes)));
  }
  std::map<std::string, std::string> given;
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);

  PostgresPlace place;
  place.database_ = given["dbname"];
  place.libpq_knows_ = !OrOfEnvironment(given["hostaddr"], "PGHOSTADDR").empty() ||
                       !OrOfEnvironment(given["service"], "PGSERVICE").empty();
  const std::vector<std::string> hosts = Split(OrOfEnvironment(given["host"], "PGHOST"));
  const std::vector<std::string> ports = Split(OrOfEnvironment(given["port"], "PGPORT"));
  for (size_t i = 0; i < hosts.size(); ++i) {
    const size_t at = ports.size() == 1 ? 0 : i;
    const bool told = at < ports.size() && !ports[at].empty();
    place.hosts_.push_back({hosts[i], told ? ports[at] : std::string(kDefaultPort)});
  }
  return place;
}

std::string PostgresPlace::Text() const {
  std::string text;
  for (const Host& host : hosts_) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", host.name.empty() ? "the default socket" : host.name,
                        host.port);
  }
  return fmt::format("{}/{}", text, database_);
}

std::vector<std::string> PostgresPlace::Names() const {
  std::vector<std::string> names;
  for (const Host& host : hosts_) {
    if (!libpq_knows_ && !IsSocket(host.name) && std::find(names.begin(), names.end(), host.name) == names.end())
      names.push_back(host.name);
  }
  return names;
}

PostgresPlace::Resolved PostgresPlace::With(const Addresses& addresses) const {
  Resolved all;
  bool first = true;
  const auto add = [&](const Host& host, const std::string& address) {
    const char* const comma = first ? "" : ",";
    first = false;
    all.hosts += comma + host.name;
    all.addresses += comma + address;
    all.ports += comma + host.port;
  };
  for (const Host& host : hosts_) {
    if (IsSocket(host.name)) add(host, "");
    if (const auto found = addresses.find(host.name); found != addresses.end()) {
      for (const std::string& address : found->second) add(host, address);
    }
  }
  return addresses.empty() ? Resolved() : all;
}

}  // namespace assay
