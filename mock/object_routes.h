#ifndef ASSAY_MOCK_OBJECT_ROUTES_H_
#define ASSAY_MOCK_OBJECT_ROUTES_H_

#include <string>

#include "mock/object_store.h"

struct evhttp_request;

namespace assay {

// The part of S3's HTTP interface that a benchmark of reads needs, path style: /BUCKET and /BUCKET/KEY. Whether a
// request is signed makes no difference.
class ObjectRoutes {
 public:
  explicit ObjectRoutes(const ObjectStore::Options& options);

  void Get(evhttp_request* request, const std::string& name);  // and HEAD
  void Put(evhttp_request* request, const std::string& name);
  void Delete(evhttp_request* request, const std::string& name);
  void List(evhttp_request* request, const std::string& bucket);  // ListObjectsV2

 private:
  ObjectStore store_;
  const std::string last_modified_;
};

}  // namespace assay

#endif  // ASSAY_MOCK_OBJECT_ROUTES_H_
