#include "agent/clients/http/plain_answer.h"

#include <fmt/format.h>

#include "common/units.h"

namespace assay {

http_parser_settings PlainAnswer::Settings() {
  http_parser_set_max_header_size(kMostHeaderBytes);
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_headers_complete = &PlainAnswer::HeadersComplete;
  settings.on_body = &PlainAnswer::Body;
  settings.on_message_complete = &PlainAnswer::Complete;
  return settings;
}

void PlainAnswer::Begin(bool to_head) {
  http_parser_init(&parser_, HTTP_RESPONSE);
  parser_.data = this;
  parser_.allow_chunked_length = 1;  // both told: the chunks count, as RFC 9112 has it
  body_bytes_ = 0;
  announced_bytes_ = 0;
  status_ = 0;
  announced_ = false;
  to_head_ = to_head;
  begun_ = false;
  whole_ = false;
  ended_early_ = false;
  keeps_connection_ = false;
}

PlainAnswer::State PlainAnswer::Take(std::string_view bytes, const HttpReceive& receive) {
  static const http_parser_settings settings = Settings();
  begun_ |= !bytes.empty();
  receive_ = &receive;
  const size_t taken = http_parser_execute(&parser_, &settings, bytes.data(), bytes.size());
  if (whole_) {
    keeps_connection_ &= taken == bytes.size();
    return State::kWhole;
  }
  return parser_.http_errno == HPE_OK ? State::kGoesOn : State::kBroken;
}

PlainAnswer::State PlainAnswer::TakeEnd() {
  Take({}, nullptr);
  keeps_connection_ = false;
  ended_early_ = !whole_;
  return whole_ ? State::kWhole : State::kBroken;
}

// 1: no body follows, whatever the headers say.
int PlainAnswer::HeadersComplete(http_parser* parser) {
  auto* const answer = static_cast<PlainAnswer*>(parser->data);
  if (answer->Interim()) return 1;
  answer->status_ = static_cast<int>(parser->status_code);
  if (answer->to_head_ || answer->status_ == 204 || answer->status_ == 304) return 1;
  answer->announced_ = (parser->flags & F_CONTENTLENGTH) != 0 && (parser->flags & F_CHUNKED) == 0;
  answer->announced_bytes_ = parser->content_length;
  return 0;
}

int PlainAnswer::Body(http_parser* parser, const char* bytes, size_t count) {
  auto* const answer = static_cast<PlainAnswer*>(parser->data);
  answer->body_bytes_ += count;
  if (*answer->receive_) (*answer->receive_)(answer->status_, {bytes, count});
  return 0;
}

int PlainAnswer::Complete(http_parser* parser) {
  auto* const answer = static_cast<PlainAnswer*>(parser->data);
  if (answer->Interim()) return 0;
  answer->whole_ = true;
  answer->keeps_connection_ = http_should_keep_alive(parser) != 0 && answer->status_ != 101;
  http_parser_pause(parser, 1);  // what comes behind it is no answer to anything
  return 0;
}

std::string PlainAnswer::Fault() const {
  if (ended_early_) {
    if (status_ == 0) return "the server closed the connection in the middle of its answer's headers";
    if (announced_) {
      return fmt::format("the server closed the connection after {} of {} bytes of its answer's body", body_bytes_,
                         announced_bytes_);
    }
    return fmt::format("the server closed the connection after {} bytes of its answer's body, before the last chunk",
                       body_bytes_);
  }
  if (parser_.http_errno == HPE_HEADER_OVERFLOW)
    return fmt::format("the headers of the server's answer are longer than {}", FormatBytes(kMostHeaderBytes));
  return fmt::format("what the server answers is not HTTP/1.1: {}",
                     http_errno_description(static_cast<http_errno>(parser_.http_errno)));
}

}  // namespace assay
