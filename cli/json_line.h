#ifndef ASSAY_CLI_JSON_LINE_H_
#define ASSAY_CLI_JSON_LINE_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_text.h"  // JsonString for `extra`

namespace assay {

// One JSON object on one line: protobuf's JSON of `message` with the proto's own field names, zero values included (so
// 64-bit integers are strings). `type` and `extra` (values are JSON already) come first.
std::string JsonLine(std::string_view type, const google::protobuf::Message& message,
                     const std::vector<std::pair<std::string, std::string>>& extra = {});

}  // namespace assay

#endif  // ASSAY_CLI_JSON_LINE_H_
