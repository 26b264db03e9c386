#ifndef ASSAY_STORAGE_POSTGRES_PROGRAMS_H_
#define ASSAY_STORAGE_POSTGRES_PROGRAMS_H_

#include <absl/status/statusor.h>

#include <string>

namespace assay {

inline constexpr int kOldestPostgres = 15;

// Where a PostgreSQL installation keeps `initdb` and `postgres`.
struct PostgresPrograms {
  std::string directory;
  int major = 0;
};

// `data_major`: the major version that made the data, 0 for data yet to be made; only programs of that version can read
// them. NotFound: none there; the message says what to install.
absl::StatusOr<PostgresPrograms> FindPostgres(int data_major);

}  // namespace assay

#endif  // ASSAY_STORAGE_POSTGRES_PROGRAMS_H_
