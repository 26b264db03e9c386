#include "mock/items.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <iterator>

namespace assay {

std::string ItemsJson(uint32_t count) {
  std::string json = R"({"items":[)";
  for (uint64_t i = 0; i < count; ++i) {
    const bool even = i % 2 == 0;
    fmt::format_to(std::back_inserter(json),
                   R"({}{{"id":{},"brand":"{}","model":"{}","year":{},"price":{},"mileage":{}}})", i == 0 ? "" : ",", i,
                   even ? "Honda" : "Toyota", even ? "Civic" : "Corolla", 2020 + i % 5, 15000 + i * 7 % 40000,
                   5000 + i * 13 % 120000);
  }
  fmt::format_to(std::back_inserter(json), R"(],"count":{}}})", count);
  return json;
}

absl::StatusOr<size_t> CountItems(const std::string& body) {
  google::protobuf::Struct object;
  const auto parsed = google::protobuf::util::JsonStringToMessage(body, &object);
  if (!parsed.ok()) return absl::InvalidArgumentError("the body is no JSON object: " + parsed.ToString());
  const auto items = object.fields().find("items");
  return items == object.fields().end() ? 0 : static_cast<size_t>(items->second.list_value().values_size());
}

}  // namespace assay
