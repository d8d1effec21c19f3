// SPDX-License-Identifier: MIT
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "emulation/handle_kind.hpp"
#include "emulation/node.hpp"

#include <stdexcept>
#include <utility>

namespace isoflop::emulation {
namespace {

Faults& faults_of_next_run() {
  static Faults faults;
  return faults;
}

void throw_findings() {
  const std::vector<std::string> findings = take_findings();
  if (findings.empty()) return;
  std::string text = "the emulation found:";
  for (const std::string& finding : findings) text += "\n  " + finding;
  throw std::runtime_error(text);
}

}  // namespace

void set_faults(const Faults& faults) { faults_of_next_run() = faults; }

void run_ranks(const Options& options, const std::function<void(int rank)>& body) {
  take_findings();
  Node node(options, std::exchange(faults_of_next_run(), {}));
  const NodeScope scope(node);
  node.scheduler.run(body);
  for (const std::string& leak : find_leaks(node)) add_finding(leak);
  for (const std::string& leak : find_handle_leaks(node.number)) add_finding(leak);
  throw_findings();
}

void block_until(const std::function<bool()>& ready, const std::string& what) {
  if (!current_node().scheduler.wait({.is_over = ready, .what = what}))
    throw std::runtime_error("emulation: another rank has failed; waited in vain in " + what);
}

}  // namespace isoflop::emulation
