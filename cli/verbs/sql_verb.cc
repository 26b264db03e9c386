#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/exit_code.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/stack_file.h"
#include "cli/verbs/psql.h"
#include "cli/verbs/verb.h"
#include "storage/private_server.h"

namespace assay {
namespace {

struct SqlOptions {
  PsqlRequest psql;  // url: --database
  std::string data_dir;
};

int Sql(const SqlOptions& options) {
  if (const auto& words = options.psql.arguments; !words.empty() && !words[0].starts_with('-')) {
    return Fail(absl::InvalidArgumentError(fmt::format(
        "psql would take '{}' for a database's name; write a statement behind -c: assay sql -c \"select ...\"",
        words[0])));
  }
  PsqlRequest psql = options.psql;
  const char* from_environment = std::getenv("ASSAY_DATABASE");
  // A --data on the command line means this machine, whatever the environment says.
  if (psql.url.empty() && options.data_dir.empty() && from_environment != nullptr) psql.url = from_environment;
  if (!psql.url.empty()) return Fail(ExecPsql(psql));

  const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.data_dir);
  if (!data_dir.ok()) return Fail(data_dir.status());
  if (const char* coordinator = std::getenv("ASSAY_COORDINATOR"); coordinator != nullptr && options.data_dir.empty()) {
    fmt::print(
        stderr,
        "assay: these are this machine's own results, in {}, not those of the coordinator {} (ASSAY_COORDINATOR); "
        "for those give --database or ASSAY_DATABASE the URL that it was started with\n",
        *data_dir, coordinator);
  }
  if (const std::optional<StackFacts> up = FindStack(*data_dir)) {
    psql.url = up->url;
    return Fail(ExecPsql(psql));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(*data_dir + "/postgres", ignored)) {
    return Fail(
        absl::NotFoundError(fmt::format("no results in {} yet; use `assay run FILE`, another --data DIR, or --database "
                                        "URL for a PostgreSQL of your own",
                                        *data_dir)));
  }
  absl::StatusOr<StackLock> lock = StackLock::Take(*data_dir);
  if (!lock.ok()) return Fail(lock.status());
  const absl::StatusOr<std::unique_ptr<PrivateServer>> server = PrivateServer::Start(*data_dir);
  if (!server.ok()) return Fail(server.status());
  psql.url = (*server)->url();
  // A second `assay sql` may join; it ends when this one does.
  StackFacts facts;
  facts.pid = getpid();
  facts.url = psql.url;
  if (const absl::Status announced = lock->Announce(facts); !announced.ok()) return Fail(announced);
  const absl::StatusOr<int> code = RunPsql(psql);
  if (!code.ok()) return Fail(code.status());
  return *code == 0 ? kExitAccepted : kExitFailure;
}

}  // namespace

void AddSqlVerb(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("sql", "Open psql on the results, or run one statement; the search path is assay, public");
  auto options = std::make_shared<SqlOptions>();
  verb->add_option("-c,--command", options->psql.sql, "Run this statement and print the result; may be repeated")
      ->type_name("SQL")
      ->take_all()
      ->allow_extra_args(false);
  verb->add_option("--data", options->data_dir,
                   "Data directory of the local stack; its server is started for the moment if it is not up")
      ->type_name("DIR");
  verb->add_option("--database", options->psql.url, "Another database (else $ASSAY_DATABASE)")->type_name("URL");
  verb->add_option("ARGS", options->psql.arguments, "More arguments for psql, after --")->type_name("");
  verb->footer(fmt::format(
      "Example:  assay sql -c \"select target, params, makespan_s from run_summary\" -- --csv\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Sql(*options); }; });
}

}  // namespace assay
