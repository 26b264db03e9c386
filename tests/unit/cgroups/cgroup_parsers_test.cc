#include "agent/cgroups/cgroup_parsers.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "agent/cgroups/kernel_text.h"
#include "agent/sampler/host_parsers.h"

// The fuzz target's entry, run here over changed real texts where no fuzzer is at hand.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace assay {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

bool NoneStacked(std::string_view) { return false; }

TEST(KernelText, CountsAreDigitsOrMax) {
  EXPECT_EQ(ParseCount("0"), 0);
  EXPECT_EQ(ParseCount("42"), 42);
  EXPECT_EQ(ParseCount("max"), kMax);
  EXPECT_EQ(ParseCount("9223372036854775807"), kMax);
  EXPECT_EQ(ParseCount("18446744073709551615"), kMax);          // a 64-bit number that does not fit
  EXPECT_EQ(ParseCount("18446744073709551616"), std::nullopt);  // longer than the kernel's
  for (const char* text : {"", "-1", "+1", "1.5", "0x10", "12a", " 1", "maximum"})
    EXPECT_EQ(ParseCount(text), std::nullopt) << text;
}

TEST(KernelText, AnUnfinishedLineIsDropped) {
  std::string_view text = "a 1\nb 2";
  EXPECT_EQ(TakeLine(text), "a 1");
  EXPECT_EQ(TakeLine(text), std::nullopt);
}

TEST(KernelText, SumsAndProductsStayAtTheTop) {
  EXPECT_EQ(SaturatingSum(kMax, 1), kMax);
  EXPECT_EQ(SaturatingProduct(kMax / 10, 1000), kMax);
  EXPECT_EQ(SaturatingProduct(3, 1000), 3000);
}

TEST(CgroupParsers, Scalar) {
  EXPECT_EQ(ParseScalar("123\n"), 123);
  EXPECT_EQ(ParseScalar("max\n"), kMax);
  for (const char* text : {"", "\n", "12 34\n", "12", "garbage\n"}) EXPECT_EQ(ParseScalar(text), std::nullopt) << text;
}

TEST(CgroupParsers, CpuStatV2IsInMicroseconds) {
  const CpuStat stat =
      ParseCpuStatV2("usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_throttled 3\nthrottled_usec 70\n");
  EXPECT_EQ(stat.usage_ns, 1'500'000);
  EXPECT_EQ(stat.user_ns, 1'000'000);
  EXPECT_EQ(stat.system_ns, 500'000);
  EXPECT_EQ(stat.throttled_ns, 70'000);
  EXPECT_EQ(stat.nr_throttled, 3);
}

TEST(CgroupParsers, GarbageLinesAndCutTextsCostOnlyThemselves) {
  const CpuStat stat =
      ParseCpuStatV2("\n\x01\xff garbage\nusage_usec twelve\nuser_usec 5 6\nsystem_usec 7\nthrottled_usec 123");
  EXPECT_EQ(stat.usage_ns, std::nullopt);
  EXPECT_EQ(stat.user_ns, std::nullopt);
  EXPECT_EQ(stat.system_ns, 7'000);
  EXPECT_EQ(stat.throttled_ns, std::nullopt);  // its last digits may be missing
  EXPECT_EQ(ParseCpuStatV2("usage_usec 18446744073709551615\n").usage_ns, kMax);
}

TEST(CgroupParsers, CpuV1IsInNanosecondsAndTicks) {
  const CpuStat throttling = ParseCpuStatV1("nr_periods 1\nnr_throttled 2\nthrottled_time 3\n");
  EXPECT_EQ(throttling.throttled_ns, 3);
  EXPECT_EQ(throttling.nr_throttled, 2);
  const CpuStat ticks = ParseCpuacctStat("user 5\nsystem 6\n", 10'000'000);
  EXPECT_EQ(ticks.user_ns, 50'000'000);
  EXPECT_EQ(ticks.system_ns, 60'000'000);
}

TEST(CgroupParsers, MemoryStatV1PrefersTheSubtree) {
  const MemoryStat subtree = ParseMemoryStatV1("rss 1\ninactive_file 2\ntotal_rss 10\ntotal_inactive_file 20\n");
  EXPECT_EQ(subtree.anon_bytes, 10);
  EXPECT_EQ(subtree.inactive_file_bytes, 20);
  const MemoryStat alone = ParseMemoryStatV1("rss 1\ninactive_file 2\n");
  EXPECT_EQ(alone.anon_bytes, 1);
  EXPECT_EQ(alone.inactive_file_bytes, 2);
  EXPECT_EQ(ParseMemoryStatV2("anon 3\ninactive_file 4\n").anon_bytes, 3);
  EXPECT_EQ(ParseMemoryStatV2("rss 3\n").anon_bytes, std::nullopt);
}

TEST(CgroupParsers, OomKillsAndPopulated) {
  EXPECT_EQ(ParseOomKills("oom 4\noom_kill 2\noom_group_kill 9\n"), 2);
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 0\n"), std::nullopt);  // before Linux 4.13
  EXPECT_EQ(ParsePopulated("populated 0\nfrozen 0\n"), false);
  EXPECT_EQ(ParsePopulated("populated 1\n"), true);
  EXPECT_EQ(ParsePopulated(""), std::nullopt);
}

TEST(CgroupParsers, IoStatSumsDevices) {
  const IoStat io = ParseIoStat(
      "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n259:1 rbytes=10 wbytes=20 rios=30 wios=40\n7:0 \n",
      NoneStacked);
  EXPECT_EQ(io.read_bytes, 11);
  EXPECT_EQ(io.write_bytes, 22);
  EXPECT_EQ(io.read_ops, 33);
  EXPECT_EQ(io.write_ops, 44);
  EXPECT_EQ(ParseIoStat("", NoneStacked).read_bytes, 0);  // there was no I/O yet
  EXPECT_EQ(ParseIoStat("../../etc rbytes=5\n8: rbytes=5\n:8 rbytes=5\n", NoneStacked).read_bytes, 0);
}

TEST(CgroupParsers, StackedDevicesAreNotCountedTwice) {
  const auto mapper = [](std::string_view device) { return device == "253:0"; };
  EXPECT_EQ(ParseIoStat("253:0 rbytes=100\n8:0 rbytes=100\n", mapper).read_bytes, 100);
  EXPECT_EQ(ParseIoStat("253:0 rbytes=100\n", mapper).read_bytes, 100);  // what lies below it is not told
  EXPECT_EQ(ParseBlkio("253:0 Read 7\n8:0 Read 5\nTotal 12\n", mapper).read, 5);
  EXPECT_EQ(ParseBlkio("253:0 Read 7\n", mapper).read, 7);
}

TEST(CgroupParsers, BlkioTakesReadsAndWrites) {
  const BlkioSum sum =
      ParseBlkio("8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Total 3\n8:16 Read 10\nTotal 13\n", NoneStacked);
  EXPECT_EQ(sum.read, 11);
  EXPECT_EQ(sum.write, 2);
  EXPECT_EQ(ParseBlkio("8:0 Read 0\n8:0 Write 0\nTotal 0\n", NoneStacked).read, 0);
  EXPECT_EQ(ParseBlkio("Total 0\n", NoneStacked).read, std::nullopt) << "nothing is counted here";
}

TEST(CgroupParsers, PressureTakesTotals) {
  const Pressure pressure = ParsePressure("some avg10=1.50 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 total=3\n");
  EXPECT_EQ(pressure.some_us, 12);
  EXPECT_EQ(pressure.full_us, 3);
  EXPECT_EQ(ParsePressure("some avg10=1.50 total=\n").some_us, std::nullopt);
}

TEST(HostParsers, ProcStat) {
  const HostCpu cpu =
      ParseProcStat("cpu  10 1 20 30 4 5 6 7 8 9\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 99 0\ncpufreq 1\n", 10);
  EXPECT_EQ(cpu.user_ns, 110);
  EXPECT_EQ(cpu.system_ns, 310);
  EXPECT_EQ(cpu.idle_ns, 300);
  EXPECT_EQ(cpu.iowait_ns, 40);
  EXPECT_EQ(cpu.steal_ns, 70);
  EXPECT_EQ(cpu.cpus, 2U);
  EXPECT_EQ(ParseProcStat("cpu 10 1 20\n", 10).user_ns, 110);  // an old kernel's
  EXPECT_EQ(ParseProcStat("cpu 10 1 20\n", 10).system_ns, std::nullopt);
}

TEST(HostParsers, MemoryLoadAndPages) {
  const HostMemory memory =
      ParseMeminfo("MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable: 50 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n");
  EXPECT_EQ(memory.total_bytes, 102'400);
  EXPECT_EQ(memory.available_bytes, 51'200);
  EXPECT_EQ(memory.swap_used_bytes, 6'144);
  EXPECT_EQ(ParseMeminfo("SwapTotal: 10 kB\n").swap_used_bytes, std::nullopt);
  EXPECT_EQ(ParseLoadMilli("1.25 0.50 0.25 1/100 4242\n"), 1'250);
  EXPECT_EQ(ParseLoadMilli("0.07 0.50 0.25 1/100 4242\n"), 70);
  for (const char* text : {"", "1 2 3\n", "1.2 3\n", "x.yz\n"}) EXPECT_EQ(ParseLoadMilli(text), std::nullopt) << text;
  EXPECT_EQ(ParseResidentPages("100 42 7\n"), 42);
  EXPECT_EQ(ParseResidentPages("100\n"), std::nullopt);
}

// The entry aborts when a parser breaks its word (a negative count, say).
TEST(CgroupParsers, ChangedRealTextsAreHarmless) {
  const std::string seed =
      "usage_usec 1500\nnr_throttled 3\ntotal_rss 5\n8:0 Read 1\n8:0 rbytes=1 wbytes=99999999999999999999 rios=max\n"
      "some avg10=1.50 total=12\ncpu  1 2 3 4 5 6 7 8\nMemTotal: 9223372036854775807 kB\n0.52 0.58 0.59 1/2 3\n";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seed;
    for (int change = 0; change < 8; ++change) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, 1 + random() % 4);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 16));
      }
      if (text.empty()) text = seed;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
}

}  // namespace
}  // namespace assay
