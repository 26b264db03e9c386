#include "mock/http_reply.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <fmt/format.h>

#include <memory>

#include "common/json_text.h"

namespace assay {
namespace {

using Buffer = std::unique_ptr<evbuffer, decltype(&evbuffer_free)>;

Buffer MakeBuffer() { return {evbuffer_new(), &evbuffer_free}; }

const char* Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 416:
      return "Range Not Satisfiable";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Other";
  }
}

}  // namespace

void AddHeader(evhttp_request* request, const char* name, const std::string& value) {
  evhttp_add_header(evhttp_request_get_output_headers(request), name, value.c_str());
}

std::string_view Header(evhttp_request* request, const char* name) {
  const char* value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::string TakeBody(evhttp_request* request) {
  evbuffer* input = evhttp_request_get_input_buffer(request);
  std::string body(evbuffer_get_length(input), '\0');
  evbuffer_remove(input, body.data(), body.size());
  return body;
}

void Reply(evhttp_request* request, int status, const char* content_type, std::string_view body) {
  const Buffer out = MakeBuffer();
  evbuffer_add(out.get(), body.data(), body.size());
  AddHeader(request, "Content-Type", content_type);
  evhttp_send_reply(request, status, Reason(status), out.get());
}

void ReplyStatic(evhttp_request* request, int status, const char* content_type, const std::string& body) {
  const Buffer out = MakeBuffer();
  evbuffer_add_reference(out.get(), body.data(), body.size(), nullptr, nullptr);
  AddHeader(request, "Content-Type", content_type);
  evhttp_send_reply(request, status, Reason(status), out.get());
}

void ReplyError(evhttp_request* request, int status, std::string_view error) {
  Reply(request, status, "application/json", fmt::format("{{\"error\":{}}}\n", JsonString(error)));
}

void ReplyObject(evhttp_request* request, int status, const Object& object, uint64_t first_byte, uint64_t length) {
  AddHeader(request, "Content-Type", "application/octet-stream");
  AddHeader(request, "Content-Length", std::to_string(length));
  const Buffer out = MakeBuffer();
  const bool head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
  for (uint64_t offset = first_byte; !head && offset < first_byte + length;) {
    const std::string_view piece = object.From(offset).substr(0, first_byte + length - offset);
    // Each piece keeps the bytes alive until it is sent: another PUT may replace the object before.
    auto* keep = new std::shared_ptr<const std::string>(object.bytes);
    evbuffer_add_reference(
        out.get(), piece.data(), piece.size(),
        [](const void*, size_t, void* kept) { delete static_cast<std::shared_ptr<const std::string>*>(kept); }, keep);
    offset += piece.size();
  }
  evhttp_send_reply(request, status, Reason(status), out.get());
}

}  // namespace assay
