#include "agent/clients/http/http_client.h"

#include <utility>

#include "agent/clients/http/curl_transfers.h"
#include "agent/clients/http/plain_pool.h"

namespace assay {
namespace {

constexpr HttpClient::Id kOnPlainPath = HttpClient::Id{1} << 63;

}  // namespace

struct HttpClient::State {
  State(EventLoop& loop, size_t connections, HostNames::Resolve resolve)
      : curl(loop, connections), plain(loop, connections, std::move(resolve)) {}

  CurlTransfers curl;
  PlainPool plain;
  bool cancelling = false;  // all of it
};

HttpClient::HttpClient(EventLoop& loop, size_t connections, HostNames::Resolve resolve)
    : state_(std::make_unique<State>(loop, connections, std::move(resolve))) {}

HttpClient::~HttpClient() = default;

HttpClient::Id HttpClient::Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended) {
  if (state_->cancelling) {
    ended(CancelledRequest());
    return 0;
  }
  if (state_->plain.Takes(request))
    return kOnPlainPath | state_->plain.Start(std::move(request), std::move(receive), std::move(ended));
  return state_->curl.Start(std::move(request), std::move(receive), std::move(ended));
}

void HttpClient::Cancel(Id id) {
  if ((id & kOnPlainPath) != 0) return state_->plain.Cancel(id & ~kOnPlainPath);
  state_->curl.Cancel(id);
}

void HttpClient::CancelAll() {
  if (state_->cancelling) return;  // told to by one that is told of it
  state_->cancelling = true;
  state_->curl.CancelAll();
  state_->plain.CancelAll();
  state_->cancelling = false;
}

size_t HttpClient::in_flight() const { return state_->curl.in_flight() + state_->plain.in_flight(); }

}  // namespace assay
