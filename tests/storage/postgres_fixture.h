#ifndef ASSAY_TESTS_STORAGE_POSTGRES_FIXTURE_H_
#define ASSAY_TESTS_STORAGE_POSTGRES_FIXTURE_H_

#include <string>

namespace assay {

class PrivateServer;

// One private PostgreSQL server per test program, started at first use in a temporary directory that is removed with it
// at exit. Call it first on the main thread, on which the server's life hangs. Aborts the program where no server can
// be had: no test could say anything.
PrivateServer& TestServer();

// libpq URL of a new, empty database on it.
std::string FreshDatabaseUrl();

// The same, migrated to this program's schema.
std::string MigratedDatabaseUrl();

}  // namespace assay

#endif  // ASSAY_TESTS_STORAGE_POSTGRES_FIXTURE_H_
