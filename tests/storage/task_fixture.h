#ifndef ASSAY_TESTS_STORAGE_TASK_FIXTURE_H_
#define ASSAY_TESTS_STORAGE_TASK_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/storage/store_fixture.h"

namespace assay {

// What is not set is null. Instants in milliseconds by the names of their columns, without _ns.
struct TaskLine {
  std::string origin = "driver";
  std::string task;
  std::map<std::string, double> ms;
  std::string outcome = "ok";
  int64_t index = -1;
  std::string remote_id;
  std::string state = "finished";
  double error_ms = 0;
  int attempt = 1;
  bool cached = false;
};

// Runs whose triggers and tasks are given in milliseconds.
class TaskTest : public StoreTest {
 protected:
  void Add(const RunRow& run, const TaskLine& line);

  // Triggers as {intended, started, finished, planned} in ms, all ok, of agent a with 2 slots.
  struct Fired {
    double intended, started, finished, planned;
  };
  RunRow RunOf(const SweepRow& sweep, const std::vector<Fired>& fired, uint32_t block = 0, size_t cell = 0);
  // `capacity` as its driver tells it.
  void SetDriver(const RunRow& run, int capacity);
  void End(const RunRow& run);
  // Of one cell, whose scenario tells the slots of `target`.
  SweepRow SweepWithSlots(const std::string& target, uint32_t slots);
  // By the coordinator's collector of http.
  void Collected(const RunRow& run, int records, int expected, double read_ms);
  // "code:severity" and details.
  std::vector<std::string> Codes(const RunRow& run, std::string* details = nullptr);

  // Capacity 4, 2 in flight. Task 1 has no word of its own code, and no scheduler's.
  RunRow DaskRun(const SweepRow& sweep, uint32_t block = 0);
};

}  // namespace assay

#endif  // ASSAY_TESTS_STORAGE_TASK_FIXTURE_H_
