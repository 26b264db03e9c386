#include "storage/migrator.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <map>
#include <pqxx/pqxx>
#include <string_view>
#include <vector>

#include "common/counter_random.h"
#include "storage/embedded_sql.h"

namespace assay {
namespace {

// Any number will do as long as every version of the program takes the same: "assay" in ASCII.
constexpr int64_t kAdvisoryLock = 0x6173736179;

constexpr char kBootstrap[] = R"(
CREATE SCHEMA IF NOT EXISTS assay;
CREATE TABLE IF NOT EXISTS assay.schema_migration (
  kind text NOT NULL CHECK (kind IN ('migration', 'view')),
  position integer NOT NULL,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (kind, name)
);
COMMENT ON TABLE assay.schema_migration IS 'The SQL files of this schema that were applied, with their checksums';
COMMENT ON COLUMN assay.schema_migration.kind IS 'migration (applied once, in order) or view (applied again when it has changed)';
COMMENT ON COLUMN assay.schema_migration.position IS 'Number of a migration';
COMMENT ON COLUMN assay.schema_migration.name IS 'Name of the file without its ending';
COMMENT ON COLUMN assay.schema_migration.checksum IS 'Of the file as it was applied';
COMMENT ON COLUMN assay.schema_migration.applied_at IS 'When it was applied';
)";

struct Applied {
  int position = 0;
  std::string checksum;
};

std::string Checksum(const std::string& text) { return fmt::format("{:016x}", StableHash(text)); }

// "0001_tables" -> 1
int VersionOf(const std::string& name) {
  int version = 0;
  std::from_chars(name.data(), name.data() + name.size(), version);
  return version;
}

std::map<std::string, Applied> AppliedFiles(pqxx::transaction_base& transaction, const char* kind) {
  std::map<std::string, Applied> applied;
  for (const auto& row :
       transaction.exec_params("SELECT name, position, checksum FROM assay.schema_migration WHERE kind = $1", kind)) {
    applied[row[0].as<std::string>()] = {row[1].as<int>(), row[2].as<std::string>()};
  }
  return applied;
}

void Record(pqxx::transaction_base& transaction, const char* kind, int position, const SqlFile& file) {
  transaction.exec_params("INSERT INTO assay.schema_migration (kind, position, name, checksum) VALUES ($1, $2, $3, $4)",
                          kind, position, file.name, Checksum(file.text));
}

void Lock(pqxx::transaction_base& transaction) {
  transaction.exec_params("SELECT pg_advisory_xact_lock($1)", kAdvisoryLock);
}

bool IsThere(pqxx::transaction_base& transaction) {
  return !transaction.exec("SELECT FROM pg_tables WHERE schemaname = 'assay' AND tablename = 'schema_migration'")
              .empty();
}

absl::Status CheckApplied(const std::map<std::string, Applied>& applied, const std::string& where) {
  const std::vector<SqlFile> migrations = EmbeddedMigrations();
  const int known = VersionOf(migrations.back().name);
  for (const auto& [name, file] : applied) {
    if (file.position > known) {
      return absl::FailedPreconditionError(
          fmt::format("the database's schema is version {}, this program knows {}: use a newer assay-coordinator ({})",
                      file.position, known, where));
    }
  }
  for (const SqlFile& migration : migrations) {
    const auto found = applied.find(migration.name);
    if (found == applied.end() || found->second.checksum == Checksum(migration.text)) continue;
    return absl::FailedPreconditionError(
        fmt::format("migration {} was applied to {} with another content than this program has; use the "
                    "assay-coordinator that made the database, or a new database",
                    migration.name, where));
  }
  return absl::OkStatus();
}

// Applies the first migration that is not there yet; sets `done` once there is none.
absl::Status MigrateOnce(pqxx::transaction_base& transaction, const std::string& where, bool* done) {
  Lock(transaction);
  if (!IsThere(transaction)) transaction.exec(kBootstrap);
  const std::vector<SqlFile> migrations = EmbeddedMigrations();
  const std::map<std::string, Applied> applied = AppliedFiles(transaction, "migration");
  if (absl::Status usable = CheckApplied(applied, where); !usable.ok()) return usable;
  for (const SqlFile& migration : migrations) {
    if (applied.contains(migration.name)) continue;
    spdlog::info("applying migration {} to {}", migration.name, where);
    transaction.exec(migration.text);
    Record(transaction, "migration", VersionOf(migration.name), migration);
    return absl::OkStatus();
  }
  *done = true;
  return absl::OkStatus();
}

// Drops what the recorded files made, and nothing that others have put beside it.
void DropViews(pqxx::transaction_base& transaction) {
  const pqxx::result views = transaction.exec(
      "SELECT string_agg(format('assay.%I', c.relname), ', ') FROM pg_class c JOIN assay.schema_migration m ON m.kind "
      "= 'view' AND m.name = c.relname "
      "WHERE c.relnamespace = 'assay'::regnamespace AND c.relkind = 'v'");
  if (!views[0][0].is_null()) transaction.exec("DROP VIEW " + views[0][0].as<std::string>());
  const pqxx::result functions = transaction.exec(
      "SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p JOIN assay.schema_migration m ON m.kind = "
      "'view' AND m.name = p.proname "
      "WHERE p.pronamespace = 'assay'::regnamespace");
  if (!functions[0][0].is_null()) transaction.exec("DROP FUNCTION " + functions[0][0].as<std::string>());
  transaction.exec("DELETE FROM assay.schema_migration WHERE kind = 'view'");
}

absl::Status RefreshViews(pqxx::transaction_base& transaction, const std::string& where) {
  Lock(transaction);
  const std::vector<SqlFile> views = EmbeddedViews();
  const std::map<std::string, Applied> applied = AppliedFiles(transaction, "view");
  bool same = applied.size() == views.size();
  for (size_t i = 0; i < views.size() && same; ++i) {
    const auto found = applied.find(views[i].name);
    same = found != applied.end() && found->second.checksum == Checksum(views[i].text) &&
           found->second.position == static_cast<int>(i);
  }
  if (same) return absl::OkStatus();
  spdlog::debug("making the views of {} anew", where);
  try {
    DropViews(transaction);
  } catch (const pqxx::sql_error& e) {
    if (e.sqlstate() != "2BP01") throw;
    return absl::FailedPreconditionError(
        fmt::format("the views of {} must be made anew, but something of yours depends on them; drop it, and make it "
                    "again afterwards: {}",
                    where, e.what()));
  }
  for (size_t i = 0; i < views.size(); ++i) {
    transaction.exec(views[i].text);
    Record(transaction, "view", static_cast<int>(i), views[i]);
  }
  return absl::OkStatus();
}

absl::Status WithMend(absl::Status status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(
      fmt::format("{}; the user must own the schemas assay and assay_partitions, or may make them: GRANT CREATE ON "
                  "DATABASE ... TO ...",
                  std::string(status.message())));
}

}  // namespace

absl::StatusOr<bool> HasSchema(Connection& connection) {
  bool there = false;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) {
    there = IsThere(transaction);
    return there ? CheckApplied(AppliedFiles(transaction, "migration"), connection.Where()) : absl::OkStatus();
  });
  if (!status.ok()) return WithMend(status);
  return there;
}

absl::Status Migrate(Connection& connection) {
  const std::string where = connection.Where();
  for (bool done = false; !done;) {
    absl::Status status = connection.Transact(
        [&](pqxx::transaction_base& transaction) { return MigrateOnce(transaction, where, &done); });
    if (!status.ok()) return WithMend(std::move(status));
  }
  return connection.Transact([&](pqxx::transaction_base& transaction) { return RefreshViews(transaction, where); });
}

absl::StatusOr<std::string> ClusterId(Connection& connection) {
  std::string id;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) {
    id = transaction.exec1("SELECT cluster_id FROM assay.meta")[0].as<std::string>();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return id;
}

}  // namespace assay
