#ifndef ASSAY_AGENT_CLIENTS_HTTP_PLAIN_ANSWER_H_
#define ASSAY_AGENT_CLIENTS_HTTP_PLAIN_ANSWER_H_

#include <http_parser.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/clients/http/http_messages.h"

namespace assay {

// The answer to one HTTP/1.1 request, as its bytes come in: http-parser, told what the request was. Pure. Not to be
// moved once it has begun.
class PlainAnswer {
 public:
  static constexpr uint32_t kMostHeaderBytes = 64 << 10;  // also of the trailers
  enum class State { kGoesOn, kWhole, kBroken };

  void Begin(bool to_head);
  State Take(std::string_view bytes, const HttpReceive& receive);
  State TakeEnd();  // the server sends no more: the end of some answers, too early for others

  bool begun() const { return begun_; }   // a byte has come
  int status() const { return status_; }  // 0: none yet; never that of an interim answer
  uint64_t body_bytes() const { return body_bytes_; }
  // Once whole: whether another request may be sent on its connection. Not if bytes came behind it that nobody asked
  // for.
  bool keeps_connection() const { return keeps_connection_; }
  // Once broken: why, as in "the server ...".
  std::string Fault() const;

 private:
  static int HeadersComplete(http_parser* parser);
  static int Body(http_parser* parser, const char* bytes, size_t count);
  static int Complete(http_parser* parser);
  static http_parser_settings Settings();
  bool Interim() const { return parser_.status_code / 100 == 1 && parser_.status_code != 101; }

  http_parser parser_;
  const HttpReceive* receive_ = nullptr;
  uint64_t body_bytes_ = 0;
  uint64_t announced_bytes_ = 0;
  int status_ = 0;
  bool announced_ = false;  // the length of the body
  bool to_head_ = false;
  bool begun_ = false;
  bool whole_ = false;
  bool ended_early_ = false;
  bool keeps_connection_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_PLAIN_ANSWER_H_
