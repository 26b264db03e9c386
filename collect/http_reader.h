#ifndef ASSAY_COLLECT_HTTP_READER_H_
#define ASSAY_COLLECT_HTTP_READER_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "collect/patience.h"

namespace assay {

// One request after the other over connections that are kept, on the calling thread.
class HttpReader {
 public:
  HttpReader();
  ~HttpReader();
  HttpReader(const HttpReader&) = delete;
  HttpReader& operator=(const HttpReader&) = delete;

  struct Request {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string body;
  };
  // The body of an answer of 2xx. Unavailable: no answer, or one that a later one may better (404, 408, 425, 429,
  // 5xx). Unauthenticated: 401.
  absl::StatusOr<std::string> Read(const Request& request, const Patience& patience);
  // The HTTP status of the last answer; 0: there was none.
  long answered() const { return answered_; }

 private:
  void* curl_;
  long answered_ = 0;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_HTTP_READER_H_
