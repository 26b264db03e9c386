#ifndef ASSAY_CLI_JSON_LINE_H_
#define ASSAY_CLI_JSON_LINE_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json_text.h"  // JsonString for `extra`

namespace assay {

// One JSON object on one line, as docs/json.md tells users: the fields of `message` by their names, zero values
// included, absent ones null. Not protobuf's own JSON, which makes text of 64-bit integers: numbers are numbers here,
// an instant `x_wall_ns` is the text `x` (null if it is not yet known), and labels are an object. `type` and `extra`
// (values are JSON already) come first; the fields in `hidden` are left out.
std::string JsonLine(std::string_view type, const google::protobuf::Message& message,
                     const std::vector<std::pair<std::string, std::string>>& extra = {},
                     const std::vector<std::string_view>& hidden = {});

}  // namespace assay

#endif  // ASSAY_CLI_JSON_LINE_H_
