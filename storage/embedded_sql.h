#ifndef ASSAY_STORAGE_EMBEDDED_SQL_H_
#define ASSAY_STORAGE_EMBEDDED_SQL_H_

#include <string>
#include <vector>

namespace assay {

// One of the files under storage/migrations or storage/views, as it was when the program was built.
struct SqlFile {
  std::string name;  // without directory and ".sql"
  std::string text;
};

std::vector<SqlFile> EmbeddedMigrations();  // in order of their numbers
std::vector<SqlFile> EmbeddedViews();       // in order of dependence; each makes the view or functions of its name

}  // namespace assay

#endif  // ASSAY_STORAGE_EMBEDDED_SQL_H_
