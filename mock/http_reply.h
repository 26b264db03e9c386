#ifndef ASSAY_MOCK_HTTP_REPLY_H_
#define ASSAY_MOCK_HTTP_REPLY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "mock/object_store.h"

struct evhttp_request;

namespace assay {

// Answers to a request of libevent's, which frees it afterwards.
void Reply(evhttp_request* request, int status, const char* content_type, std::string_view body);
// `body` must stay for good; it is not copied.
void ReplyStatic(evhttp_request* request, int status, const char* content_type, const std::string& body);
// One line, as JSON: {"error":"..."}
void ReplyError(evhttp_request* request, int status, std::string_view error);
// `length` bytes of an object; the headers that are already there go along. To HEAD only headers go out.
void ReplyObject(evhttp_request* request, int status, const Object& object, uint64_t first_byte, uint64_t length);

void AddHeader(evhttp_request* request, const char* name, const std::string& value);
// The value of a header, or nothing.
std::string_view Header(evhttp_request* request, const char* name);
// All of the body; the request has none afterwards.
std::string TakeBody(evhttp_request* request);

}  // namespace assay

#endif  // ASSAY_MOCK_HTTP_REPLY_H_
