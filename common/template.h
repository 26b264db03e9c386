#ifndef ASSAY_COMMON_TEMPLATE_H_
#define ASSAY_COMMON_TEMPLATE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// Puts values for $(name) in a text; $$( is a literal $(. Names that `value` does not know stay as they are, escapes
// too when `keep_escapes`: that is how the planner leaves the agent's names for the agent.
std::string ExpandTemplate(std::string_view text,
                           const std::function<std::optional<std::string>(std::string_view)>& value, bool keep_escapes);

// The names a text refers to, in order.
std::vector<std::string> TemplateNames(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COMMON_TEMPLATE_H_
