#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct BadCase {
  std::string name;
  std::string yaml;
  std::string place;  // "line:column"
  std::string what;
  std::string mend;
};

void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

class BadScenario : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadScenario, IsRefusedWithPlaceAndMend) {
  const BadCase& bad = GetParam();
  const std::string message = Refusal(bad.yaml);
  EXPECT_THAT(message, StartsWith("s.yaml:" + bad.place + ": "));
  EXPECT_THAT(message, HasSubstr(bad.what));
  EXPECT_THAT(message, HasSubstr(bad.mend));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadScenario,
    ::testing::Values(
        BadCase{"unknown", kBase + "blokcs: 3\n", "4:1", "unknown key 'blokcs' in the scenario",
                "did you mean 'blocks'?"},
        BadCase{"nested", "name: t\nload:\n  closed: {concurrency: 4}\n  trigers: 10\n", "4:3",
                "unknown key 'trigers' in load", "did you mean 'triggers'?"},
        BadCase{"elsewhere", kBase + "concurrency: 3\n", "4:1", "unknown key 'concurrency'",
                "it belongs in load.closed"},
        BadCase{"far", kBase + "zzzzzz: 3\n", "4:1", "unknown key 'zzzzzz'", "known here: name, about, seed"},
        BadCase{"open_and_closed", "name: t\nload: {open: {rate: 5/s}, closed: {concurrency: 1}}\n", "2:27",
                "load has both 'open' and 'closed'", "keep one of them"},
        BadCase{"driver", "name: t\ntrigger: {driver: {argv: [x]}}\n", "2:11",
                "'driver' in trigger is not supported by this version", "sleep, exec, container, http, grpc"},
        BadCase{"grpc_key", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metdata: {a: b}}}\n", "3:48",
                "unknown key 'metdata' in trigger.grpc", "did you mean 'metadata'?"},
        BadCase{"grpc_no_method", kProcess + "trigger: {grpc: {target: \"h:1\"}}\n", "3:17",
                "trigger.grpc lacks 'method'", "add method"},
        BadCase{"grpc_target", kProcess + "trigger: {grpc: {target: h, method: p.S/C}}\n", "3:26",
                "trigger.grpc.target: ", "write HOST:PORT or unix:PATH"},
        BadCase{"grpc_target_index", kProcess + "trigger: {grpc: {target: \"h$(index):1\", method: p.S/C}}\n", "3:26",
                "trigger.grpc.target cannot refer to $(index)", "not its target"},
        BadCase{"grpc_method", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S.C}}\n", "3:41",
                "trigger.grpc.method cannot be p.S.C", "write package.Service/Call"},
        BadCase{"grpc_both", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, json: {}, bytes: AA==}}\n",
                "3:58", "trigger.grpc has both 'json' and 'bytes'", "keep one of them"},
        BadCase{"grpc_bytes", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, bytes: \"@@\"}}\n", "3:55",
                "trigger.grpc.bytes is not base64", "as 'base64 FILE' prints it"},
        BadCase{"grpc_code",
                kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, expect: {status: NOT_FOUN}}}\n", "3:65",
                "trigger.grpc.expect.status cannot be", "did you mean 'NOT_FOUND'?"},
        BadCase{"grpc_metadata", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metadata: {X-A: b}}}\n",
                "3:59", "trigger.grpc.metadata: 'X-A' cannot be a name", "lower-case"},
        BadCase{"grpc_reserved",
                kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metadata: {grpc-timeout: 1S}}}\n", "3:59",
                "'grpc-timeout' is set by gRPC itself", ""},
        BadCase{"http_scheme", kProcess + "trigger: {http: {url: \"db:80/x\"}}\n", "3:23",
                "trigger.http.url has no scheme: db:80/x", "write http://db:80/x or https://db:80/x"},
        BadCase{"http_status", kProcess + "trigger: {http: {url: \"http://h\", expect: {status: 2x}}}\n", "3:52",
                "trigger.http.expect.status cannot be '2x'", "200 or 2xx"},
        BadCase{"http_name", kProcess + "trigger: {http: {url: \"http://h\", body: {json: [\"$(nme)\"]}}}\n", "3:50",
                "nme", ""},
        BadCase{"http_key", kProcess + "trigger: {http: {url: \"http://h\", body: {json: {$(index): 1}}}}\n", "3:49",
                "cannot refer", "write it out"},
        BadCase{"compare", kBase + "compare: {baseline: a}\n", "4:1", "'compare' in the scenario is not supported",
                "supported here"},
        BadCase{"setup", kBase + "targets: {a: {setup: {argv: [x]}}}\n", "4:15",
                "'setup' in targets.a is not supported", "supported here"},
        BadCase{"duplicate", kBase + "seed: 1\nblocks: 2\nseed: 3\n", "6:1",
                "the key 'seed' stands twice in this map, first in line 4", "remove one"},
        BadCase{"both", "name: t\ntrigger: {sleep: {for: 1s}, exec: {argv: [a]}}\n", "2:29",
                "trigger has both 'sleep' and 'exec'", "keep one"},
        BadCase{"missing_name", "load: {}\n", "1:1", "the scenario lacks 'name'", "add name:"},
        BadCase{"missing_load", "name: t\ntrigger: {sleep: {for: 1s}}\n", "1:1", "the scenario lacks 'load'",
                "add load:"},
        BadCase{"missing_argv", kProcess + "trigger: {exec: {cwd: /}}\n", "3:17", "trigger.exec lacks 'argv'",
                "add argv: a list"},
        BadCase{"no_kind", kProcess + "trigger: {timeout: 1s}\n", "3:10", "trigger does not say which kind",
                "add sleep or exec"},
        BadCase{"unbounded", "name: t\nload: {closed: {concurrency: 4}}\ntrigger: {sleep: {for: 1ms}}\n", "2:7",
                "neither how many triggers nor how long", "triggers: 1000"},
        BadCase{"open_without_arrivals", "name: t\nload: {open: {deadline: 1s}}\ntrigger: {sleep: {for: 1s}}\n", "2:14",
                "load.open does not say which kind it is", "add rate or ramp or steps"},
        BadCase{"open_unbounded", "name: t\nload: {open: {rate: 5/s}}\ntrigger: {sleep: {for: 1s}}\n", "2:7",
                "neither how many triggers nor how long", "triggers: 1000"},
        BadCase{"open_silent",
                "name: t\nload: {open: {ramp: {from: 0/s, to: 0/s, over: 1s}}}\ntrigger: {sleep: {for: 1s}}\n", "2:14",
                "load.open never fires", "a rate above 0/s"},
        BadCase{"open_size", "name: t\nload: {open: {burst: 5, size: 3}}\ntrigger: {sleep: {for: 1s}}\n", "2:31",
                "load.open.size goes only with every", "leave it out"},
        BadCase{"open_poisson_burst",
                "name: t\nload: {open: {burst: 5, arrivals: poisson}}\ntrigger: {sleep: {for: 1s}}\n", "2:35",
                "load.open.arrivals goes only with rate, ramp, steps", "leave it out"},
        BadCase{"open_rate", "name: t\nload: {open: {rate: 5 per s}}\n", "2:21",
                "load.open.rate cannot be '5 per s': that is not a rate", "500/s, 30/m or 2/h"},
        BadCase{"open_zero", "name: t\nload: {open: {rate: 0/s}}\n", "2:21", "load.open.rate is out of range: 0/s",
                "from 0.001/s"},
        BadCase{"sweep_hook_in_target", kBase + "targets: {a: {hooks: {before_sweep: {argv: [x]}}}}\n", "4:23",
                "unknown key 'before_sweep'", ""}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Values, BadScenario,
    ::testing::Values(
        BadCase{"word_for_number", "name: t\nload: {closed: {concurrency: many}}\n", "2:30",
                "load.closed.concurrency cannot be 'many'", "write a whole number from 1 to 1000000"},
        BadCase{"zero", "name: t\nload: {closed: {concurrency: 0}}\n", "2:30",
                "load.closed.concurrency is out of range: 0", "from 1 to 1000000"},
        BadCase{"overflow", kBase + "seed: 99999999999999999999999\n", "4:7", "seed is out of range", "from 0 to"},
        BadCase{"triggers", "name: t\nload: {closed: {concurrency: 1}, triggers: 100000001}\n", "2:44",
                "load.triggers is out of range", "to 100000000"},
        BadCase{"blocks", kBase + "blocks: 10001\n", "4:9", "blocks is out of range: 10001", "from 1 to 10000"},
        BadCase{"fraction_of_integer", kBase + "blocks: 1.5\n", "4:9", "blocks cannot be '1.5'", "whole number"},
        BadCase{"quoted_number", kBase + "blocks: \"3\"\n", "4:9", "blocks cannot be a text", "remove the quotes"},
        BadCase{"list_for_number", kBase + "blocks: [3]\n", "4:9", "blocks cannot be a list", "whole number"},
        BadCase{"empty", kBase + "blocks:\nseed: 1\n", "4:1", "blocks cannot be empty", "whole number"},
        BadCase{"null", kBase + "blocks: ~\n", "4:9", "blocks cannot be empty", "whole number"},
        BadCase{"no_unit", kBase + "sample: {every: 10}\n", "4:17",
                "sample.every cannot be '10': that is not a duration", "a number with a unit such as 250us"},
        BadCase{"bad_unit", kBase + "sample: {every: 10 sec}\n", "4:17", "sample.every cannot be '10 sec'",
                "from 10ms to 1h"},
        BadCase{"too_often", kBase + "sample: {every: 9ms}\n", "4:17", "sample.every is out of range: 9ms",
                "from 10ms to 1h"},
        BadCase{"negative", kBase + "sample: {cooldown: -1s}\n", "4:20", "sample.cooldown cannot be '-1s'",
                "a duration from 0s"},
        BadCase{"boolean", kBase + "sample: {host: yes}\n", "4:16", "sample.host cannot be 'yes'",
                "write true or false"},
        BadCase{"container_path", kBase + "sample: {containers: [/web]}\n", "4:23",
                "sample.containers[0] cannot be '/web'", "a name without '/'"},
        BadCase{"container_empty", kBase + "sample: {containers: [\"\"]}\n", "4:23",
                "sample.containers[0] cannot be ''", "a glob such as"},
        BadCase{"compose_parts", kBase + "sample: {compose: [a/b/c]}\n", "4:20", "sample.compose[0] cannot be 'a/b/c'",
                "shop or shop/db"},
        BadCase{"container_key", kBase + "sample: {contaners: [web]}\n", "4:10", "unknown key 'contaners' in sample",
                "did you mean 'containers'?"},
        BadCase{"container_text", kBase + "sample: {containers: web}\n", "4:22", "sample.containers cannot be 'web'",
                "a list of"},
        BadCase{"glob", kBase + "sample: {cgroups: [system.slice]}\n", "4:20",
                "sample.cgroups[0] cannot be 'system.slice'", "a path glob such as"},
        BadCase{"fraction", kBase + "limits: {failures: 200%}\n", "4:20", "limits.failures cannot be '200%'",
                "a percentage such as 1%"},
        BadCase{"loss", kBase + "on_agent_loss: fial\n", "4:16", "on_agent_loss cannot be 'fial'",
                "did you mean 'fail'?"},
        BadCase{"loss_far", kBase + "on_agent_loss: whatever\n", "4:16", "on_agent_loss cannot be 'whatever'",
                "fail or accept, or a map with repeat"},
        BadCase{"container_on_coordinator", kBase + "hooks: {before_run: {container: {stop: b}, where: coordinator}}\n",
                "4:51", "a hook on containers runs on an agent", "where: {role: target}"},
        BadCase{"container_env", kBase + "hooks: {before_run: {compose: {stop: b}, env: {A: b}}}\n", "4:47",
                "env in a hook goes only with argv", "leave it out"},
        BadCase{"argv_and_container", kBase + "hooks: {before_run: {argv: [a], container: {stop: b}}}\n", "4:33",
                "hooks.before_run has both 'argv' and 'container'", "keep one of them"},
        BadCase{"nothing_to_do", kBase + "hooks: {before_run: {container: {wait: healthy}}}\n", "4:33",
                "hooks.before_run.container does not say which kind it is", "restart or stop or start"},
        BadCase{"where", kBase + "hooks: {after_run: {argv: [x], where: coordinater}}\n", "4:39",
                "hooks.after_run.where cannot be", "did you mean 'coordinator'?"},
        BadCase{"sleep", kProcess + "trigger: {sleep: {for: long}}\n", "3:24", "trigger.sleep.for cannot be 'long'",
                "or a map with uniform, exponential, list"},
        BadCase{"uniform_turned", kProcess + "trigger: {sleep: {for: {uniform: [10ms, 1ms]}}}\n", "3:34",
                "the shortest sleep 10ms is above the longest 1ms", "write [1ms, 10ms]"},
        BadCase{"uniform_three", kProcess + "trigger: {sleep: {for: {uniform: [1ms, 2ms, 3ms]}}}\n", "3:34",
                "has 3 values", "a list of 2 values"},
        BadCase{"uniform_unit", kProcess + "trigger: {sleep: {for: {uniform: [1ms, 10]}}}\n", "3:40",
                "trigger.sleep.for.uniform[1] cannot be '10'", "a number with a unit"},
        BadCase{"argv_text", kProcess + "trigger: {exec: {argv: echo hello}}\n", "3:24",
                "trigger.exec.argv cannot be 'echo hello'", "such as [a, b]"},
        BadCase{"argv_empty", kProcess + "trigger: {exec: {argv: []}}\n", "3:24", "trigger.exec.argv has 0 values",
                "a list of 1 to"},
        BadCase{"argv_no_program", kProcess + "trigger: {exec: {argv: [\"\"]}}\n", "3:25",
                "the program's name is empty", "argv: [program"},
        BadCase{"argv_nested", kProcess + "trigger: {exec: {argv: [a, [b]]}}\n", "3:28",
                "trigger.exec.argv[1] cannot be a list", "a text"},
        BadCase{"env_name", kProcess + "trigger: {exec: {argv: [a], env: {A=B: c}}}\n", "3:35",
                "'A=B' cannot be a name in trigger.exec.env", "no '='"},
        BadCase{"name", "name: a b\n", "1:7", "name cannot be 'a b'", "a name: letters, digits"},
        BadCase{"target_name", kBase + "targets: {a b: {}}\n", "4:11", "'a b' cannot name a target", "a name: letters"},
        BadCase{"no_targets", kBase + "targets: {}\n", "4:10", "targets cannot be empty", "a map of targets"},
        BadCase{"not_a_map", "- a\n- b\n", "1:1", "a scenario is a map of keys", "name: ..."},
        BadCase{"column_in_characters", kBase + "limits: {\"\xc3\xa4\xc3\xa4\": 1, failures: 2}\n", "4:10",
                "unknown key", "known here"},
        BadCase{"after_wide_characters",
                "name: t\nabout: \"\xe2\x82\xac\xe2\x82\xac\"\nhooks: {before_sweep: {argv: [\"\xe2\x82\xac\"], where: "
                "5}}\n",
                "3:44", "where cannot be '5'", "coordinator"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    References, BadScenario,
    ::testing::Values(
        BadCase{"unknown",
                "name: t\ngrid: {tasks: [1]}\nload: {closed: {concurrency: 1}, triggers: $(task)}\ntrigger: {sleep: "
                "{for: 1ms}}\n",
                "3:44", "$(task) refers to nothing", "did you mean $(tasks)?"},
        BadCase{"inside_text", kProcess + "trigger: {exec: {argv: [sh, -c, \"x=$(date)\"]}}\n", "3:36",
                "$(date) refers to nothing", "for a literal $( write $$("},
        BadCase{"secret", kProcess + "trigger: {exec: {argv: [a, \"$(secret:KEY)\"]}}\n", "3:29",
                "$(secret:...) is not supported by this version", ""},
        BadCase{"unclosed", kProcess + "trigger: {exec: {argv: [a, \"b $(index\"]}}\n", "3:31", "this $( is not closed",
                "write $$("},
        BadCase{"wrong_type",
                "name: t\ngrid: {tasks: [many]}\nload: {closed: {concurrency: 1}, triggers: $(tasks)}\ntrigger: "
                "{sleep: {for: 1ms}}\n",
                "3:44", "load.triggers cannot be 'many'; here $(tasks) is many", "whole number"},
        BadCase{"map_for_number",
                "name: t\ngrid: {n: [{a: 1}]}\nload: {closed: {concurrency: 1}, triggers: $(n)}\ntrigger: {sleep: "
                "{for: 1ms}}\n",
                "3:44", "load.triggers cannot be a map; here $(n) is {a: 1}", "whole number"},
        BadCase{"map_in_text",
                "name: t\ngrid: {n: [{a: 1}]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {exec: {argv: "
                "[\"x$(n)\"]}}\n",
                "4:25", "only a number or a text can be put inside a text; $(n) is {a: 1}", "whole value"},
        BadCase{"bad_in_grid",
                "name: t\ngrid:\n  sleep: [{uniform: [1ms, 2]}]\nload: {closed: {concurrency: 1}, triggers: "
                "1}\ntrigger: {sleep: {for: $(sleep)}}\n",
                "3:27", "trigger.sleep.for.uniform[1] cannot be '2'", "with a unit"},
        BadCase{"index_in_load",
                "name: t\nload: {closed: {concurrency: 1}, triggers: $(index)}\ntrigger: {sleep: {for: 1ms}}\n", "2:44",
                "load.triggers cannot refer to $(index)", "known only in trigger.exec"},
        BadCase{"index_in_sample", kBase + "sample: {cgroups: [\"/$(index)\"]}\n", "4:20",
                "sample.cgroups[0] cannot refer to $(index)", "known only in trigger.exec"},
        BadCase{"index_in_hook", kBase + "hooks: {before_run: {argv: [a, $(index)]}}\n", "4:32",
                "cannot refer to $(index)", "differs from trigger to trigger"},
        BadCase{"run_in_sweep_hook", kBase + "hooks: {before_sweep: {argv: [a, $(run)]}}\n", "4:34",
                "hooks.before_sweep.argv[1] cannot refer to $(run)", "hooks around a run"},
        BadCase{"axis_in_limits", kBase + "grid: {f: [1%]}\nlimits: {failures: $(f)}\n", "5:20",
                "limits.failures cannot refer to $(f): it is the same for all cells", "write the value"},
        BadCase{"new_reference",
                "name: t\ngrid: {v: [\"a$\"]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {exec: {argv: "
                "[e, \"$(v)$(index)\"]}, timeout: 1s}\n",
                "4:28", "makes a new reference", "between them"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Grid, BadScenario,
    ::testing::Values(
        BadCase{"scalar", kBase + "grid: {tasks: 1000}\n", "4:15", "the axis 'tasks' needs a list",
                "write tasks: [1000]"},
        BadCase{"empty", kBase + "grid: {tasks: []}\n", "4:15", "the axis 'tasks' needs a list", "write tasks: ["},
        BadCase{"null_value", kBase + "grid: {tasks: [1, ~]}\n", "4:19", "the axis 'tasks' has an empty value", ""},
        BadCase{"built_in", kBase + "grid: {run: [1]}\n", "4:8", "an axis cannot be called 'run'", "another name"},
        BadCase{"name", kBase + "grid: {a b: [1]}\n", "4:8", "'a b' cannot name an axis", "letters"},
        BadCase{"twice", kBase + "grid: {a: [1, 2, 1]}\n", "4:18", "the value 1 of 'a' stands twice", "raise blocks"},
        BadCase{"zip_lengths", kBase + "grid:\n  zip:\n    workers: [1, 4]\n    pool: [8, 16, 32]\n", "7:5",
                "'pool' has 3 values but 'workers' has 2", "as many values"},
        BadCase{"zip_and_axis", kBase + "grid: {a: [1], zip: {a: [2]}}\n", "4:22",
                "the axis 'a' stands in the grid twice", "remove one"},
        BadCase{"zip_list", kBase + "grid: {zip: [1]}\n", "4:13", "zip must be a map of axes", "zip: {workers"},
        BadCase{"limit", kBase + "grid:\n  a: [1, 2, 3]\n  b: [1, 2]\ncells: {limit: 5}\n", "5:3",
                "the grid has 6 cells, the limit is 5", "cells: {limit: 6}"},
        BadCase{"default_limit",
                kBase + "grid: {a: [1,2,3,4,5,6,7,8,9,10], b: [1,2,3,4,5,6,7,8,9,10], c: [1,2,3,4,5,6]}\n", "4:7",
                "600 cells, the limit is 500", "600"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Yaml, BadScenario,
    ::testing::Values(
        BadCase{"no_content", "", "1:1", "the file is empty", "name: ..."},
        BadCase{"only_comment", "# nothing\n", "1:1", "the file is empty", "name: ..."},
        BadCase{"tab", "name: t\nload:\n\tclosed: {concurrency: 4}\n", "3:1", "a tab indents this line",
                "indent with spaces, never with tabs"},
        BadCase{"unquoted_at", kBase + "sample: {cgroups: [@postgres]}\n", "4:20", "this is not YAML", "needs quotes"},
        BadCase{"unclosed_list", kBase + "grid: {a: [1, 2\n", "5:1", "this is not YAML", "close the list with ]"},
        BadCase{"colon_in_text", kBase + "about: one: two\n", "4:11", "this is not YAML", "needs quotes"},
        BadCase{"two_documents", kBase + "---\n" + kBase, "4:1", "a second document begins here",
                "one scenario per file"},
        BadCase{"not_utf8", "name: t\nabout: \"a\xff\"\n", "2:10", "the byte 0xff is not UTF-8",
                "save the file as UTF-8"},
        BadCase{"overlong", "name: \xc0\xaf\n", "1:7", "the byte 0xc0 is not UTF-8", "UTF-8"},
        BadCase{"utf16", std::string("\xff\xfen\0a\0", 6), "1:1", "the byte 0xff is not UTF-8", "UTF-8"},
        BadCase{"control", "name: t\nabout: a\x01\n", "2:9", "the control character 0x01", "remove it"},
        BadCase{"nul", "name: t\nabout: \"a\\0\"\n", "2:8", "a NUL character", "remove"},
        BadCase{"tag", "name: t\nblocks: !!int 3\n", "2:9", "the tag", "remove the tag"},
        BadCase{"merge_key", "name: t\na: &a {x: 1}\nload: {<<: *a}\n", "3:8", "merge keys", "write the keys out"},
        BadCase{"complex_key", "name: t\n? [a, b]\n: 1\n", "2:3", "a key must be a word", "key: value"},
        BadCase{"unknown_alias", "name: t\nload: *l\n", "2:7", "this is not YAML", "&name"},
        BadCase{"own_alias", "name: t\nload: &l [*l]\n", "2:11", "refers to a value that holds it",
                "write the value out"},
        BadCase{"deep", "name: t\nload: " + Repeated("[", 100) + Repeated("]", 100) + "\n", "2:69",
                "nested more than 64 levels", "flatten"},
        BadCase{"deep_aliases",
                "name: t\na: &a " + Repeated("[", 40) + Repeated("]", 40) + "\nb: " + Repeated("[", 40) + "*a" +
                    Repeated("]", 40) + "\n",
                "3:44", "nested more than 64 levels", "flatten"},
        BadCase{"many", "name: t\nload: [" + Repeated("1,", 30'000) + "]\n", "2:39998", "more than 20000 values",
                "split"},
        BadCase{"alias_bomb",
                "name: t\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
                "[*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: "
                "[*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                "6:8", "more than 20000 values here, aliases counted", "fewer aliases"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace assay
