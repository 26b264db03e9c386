#include "mock/object_routes.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iterator>
#include <string_view>
#include <utility>

#include "mock/aws_chunks.h"
#include "mock/byte_range.h"
#include "mock/http_reply.h"

namespace assay {
namespace {

constexpr size_t kMostListed = 1000;

std::string XmlText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void ReplyXmlError(evhttp_request* request, int status, std::string_view code, std::string_view message,
                   std::string_view name) {
  Reply(request, status, "application/xml",
        fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                    "<Error><Code>{}</Code><Message>{}</Message><Resource>/{}</Resource></Error>\n",
                    code, XmlText(message), XmlText(name)));
}

// The query's parameters, decoded.
class Query {
 public:
  explicit Query(evhttp_request* request) {
    const char* text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    if (text == nullptr || evhttp_parse_query_str(text, &parameters_) != 0) parameters_.tqh_first = nullptr;
  }
  ~Query() {
    if (parameters_.tqh_first != nullptr) evhttp_clear_headers(&parameters_);
  }
  Query(const Query&) = delete;

  std::string Get(const char* name) const {
    const char* value = parameters_.tqh_first == nullptr ? nullptr : evhttp_find_header(&parameters_, name);
    return value == nullptr ? "" : value;
  }

 private:
  evkeyvalq parameters_{};
};

}  // namespace

ObjectRoutes::ObjectRoutes(const ObjectStore::Options& options)
    : store_(options), last_modified_(fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr)))) {}

void ObjectRoutes::Get(evhttp_request* request, const std::string& name) {
  const std::optional<Object> object = store_.Find(name);
  if (!object) {
    return ReplyXmlError(request, 404, "NoSuchKey", "there is no object of this name (--objects, or PUT it first)",
                         name);
  }
  const ByteRange range = ByteRange::Parse(Header(request, "Range"), object->size);
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    AddHeader(request, "Content-Range", fmt::format("bytes */{}", object->size));
    return ReplyXmlError(request, 416, "InvalidRange", "give one range that begins within the object", name);
  }
  AddHeader(request, "ETag", object->etag);
  AddHeader(request, "Last-Modified", last_modified_);
  AddHeader(request, "Accept-Ranges", "bytes");
  const bool part = range.kind == ByteRange::Kind::kPart;
  if (part) {
    AddHeader(request, "Content-Range",
              fmt::format("bytes {}-{}/{}", range.first_byte, range.first_byte + range.length - 1, object->size));
  }
  ReplyObject(request, part ? 206 : 200, *object, range.first_byte, range.length);
}

void ObjectRoutes::Put(evhttp_request* request, const std::string& name) {
  std::string body = TakeBody(request);
  if (Header(request, "x-amz-content-sha256").starts_with("STREAMING-")) {
    absl::StatusOr<std::string> content = DecodeAwsChunks(body);
    if (!content.ok())
      return ReplyXmlError(request, 400, "IncompleteBody", std::string(content.status().message()), name);
    body = *std::move(content);
  }
  const absl::StatusOr<Object> object = store_.Put(name, std::move(body));
  if (!object.ok())
    return ReplyXmlError(request, 507, "InsufficientStorage", std::string(object.status().message()), name);
  AddHeader(request, "ETag", object->etag);
  Reply(request, 200, "application/xml", "");
}

void ObjectRoutes::Delete(evhttp_request* request, const std::string& name) {
  store_.Delete(name);
  evhttp_send_reply(request, 204, "No Content", nullptr);
}

void ObjectRoutes::List(evhttp_request* request, const std::string& bucket) {
  const Query query(request);
  const std::string prefix = query.Get("prefix");
  const std::string token = query.Get("continuation-token");
  const std::string most_text = query.Get("max-keys");
  size_t most = kMostListed;
  std::from_chars(most_text.data(), most_text.data() + most_text.size(), most);
  most = std::min(most, kMostListed);
  const auto [listed, more] = store_.List(bucket, prefix, token.empty() ? query.Get("start-after") : token, most);
  std::string xml = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<Name>{}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{}</MaxKeys><IsTruncated>{}</IsTruncated>",
      XmlText(bucket), XmlText(prefix), listed.size(), most, more);
  if (more && !listed.empty())
    xml += fmt::format("<NextContinuationToken>{}</NextContinuationToken>", XmlText(listed.back().key));
  for (const ObjectStore::Listed& one : listed) {
    fmt::format_to(std::back_inserter(xml), "<Contents><Key>{}</Key><Size>{}</Size><ETag>{}</ETag></Contents>",
                   XmlText(one.key), one.size, one.etag);
  }
  Reply(request, 200, "application/xml", xml + "</ListBucketResult>\n");
}

}  // namespace assay
