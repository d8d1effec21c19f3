// SPDX-License-Identifier: MIT
#include "planner/detect/local_node.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"
#include "core/base/program_output.hpp"
#include "core/base/text_file.hpp"
#include "planner/detect/network_hint.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <sched.h>
#include <unistd.h>

namespace isoflop {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::string& word : split(line, ' ')) {
    for (std::string& part : split(word, '\t')) words.push_back(trimmed(part));
  }
  std::erase(words, "");
  return words;
}

/// "GPU0"; escape sequences that underline the header are no part of a row.
bool is_gpu_label(const std::string& word) {
  return word.size() > 3 && word.starts_with("GPU") &&
         std::isdigit(static_cast<unsigned char>(word[3])) != 0;
}

/// The rows of the matrix: of each GPU its links to all of them.
std::vector<std::vector<std::string>> topology_rows(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 2 || !is_gpu_label(words[0]) || is_gpu_label(words[1])) continue;
    rows.emplace_back(words.begin() + 1, words.end());
  }
  return rows;
}

bool is_nvlink(const std::string& link) {
  return link.size() > 2 && link.starts_with("NV") &&
         std::isdigit(static_cast<unsigned char>(link[2])) != 0;
}

/// The value of the first of these keys, whatever their case: rocm-smi changes it between versions.
std::optional<std::string> find_any_case(const ConfigNode& map, const std::string& key) {
  for (const auto& [name, node] : map.entries()) {
    if (upper_case(name) == upper_case(key)) return node.as<std::string>();
  }
  return std::nullopt;
}

/// What rocm-smi --json wrote; warnings may stand before it. Absent where it found no GPU.
std::optional<ConfigNode> rocm_document(const std::string& text) {
  const std::size_t begin = text.find('{');
  if (begin == std::string::npos) return std::nullopt;
  return ConfigNode::parse(text.substr(begin), "rocm-smi --json", ConfigSyntax::json_with_comments);
}

/// Of so many pairs of GPUs.
LinkJoins joins_of(std::size_t joined, std::size_t pairs) {
  if (joined == 0) return LinkJoins::none;
  return joined == pairs ? LinkJoins::all : LinkJoins::some;
}

std::optional<std::string> rocm_name(const ConfigNode& card) {
  for (const char* key : {"Card Series", "Card Model", "Product Name"}) {
    const std::optional<std::string> name = find_any_case(card, key);
    // Old versions print a PCI id where they know no name.
    if (name && !name->starts_with("0x") && *name != "N/A") return name;
  }
  return std::nullopt;
}

/// What a tool wrote; absent when it is not there. Throws FileError when it fails.
std::optional<std::string> ask(const std::vector<std::string>& words) {
  const std::optional<ProgramOutput> output = run_program(words);
  if (!output) return std::nullopt;
  if (output->exit_code == 0) return output->out;
  throw FileError(fmt::format("{} failed with exit code {} ({})", words.front(), output->exit_code,
                              trimmed(output->error.empty() ? output->out : output->error)));
}

std::vector<LocalGpu> find_gpus() {
  const std::optional<std::string> nvidia = ask(
      {"nvidia-smi", std::string("--query-gpu=") + kNvidiaQuery, "--format=csv,noheader,nounits"});
  if (nvidia) return read_nvidia_gpus(*nvidia);
  const std::optional<std::string> rocm =
      ask({"rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"});
  return rocm ? read_rocm_gpus(*rocm) : std::vector<LocalGpu>{};
}

std::optional<LinkJoins> find_topology() {
  const std::optional<ProgramOutput> nvidia = run_program({"nvidia-smi", "topo", "-m"});
  if (nvidia) return nvidia->exit_code == 0 ? read_nvlink_topology(nvidia->out) : std::nullopt;
  const std::optional<ProgramOutput> rocm = run_program({"rocm-smi", "--showtopotype", "--json"});
  return rocm && rocm->exit_code == 0 ? read_xgmi_topology(rocm->out) : std::nullopt;
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return std::string(split(name.data(), '.').front());
}

/// CPUs that this process may run on: a container or a job may have fewer than the machine.
int count_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

double memory_gb() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) /
         1e9;
}

std::string cpu_name() {
  for (const std::string& line : split(read_text_file("/proc/cpuinfo"), '\n')) {
    if (line.starts_with("model name")) return trimmed(line.substr(line.find(':') + 1));
  }
  return "CPU";
}

/// "NVIDIA H100 80GB HBM3" as part of a partition's name.
std::string word_of(const std::string& text) {
  std::string word;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += lower_case(c);
    } else if (!word.empty() && word.back() != '-') {
      word += '-';
    }
  }
  return word;
}

DetectedGroup begin_group(const LocalNode& node) {
  DetectedGroup group;
  group.name = "local";
  group.slurm_partition = "local";
  group.nodes = 1;
  group.cpus_per_node = node.cpus;
  group.mem_gb_per_node = std::max(1.0, std::floor(node.mem_gb));
  group.remarks.push_back(
      "TODO slurm_partition and time_limit: nothing is known of a scheduler here");
  if (node.network_gb_per_s)
    group.remarks.push_back(fmt::format(
        "with more nodes like this one: inter_node_gb_per_s_per_node: {:g} (its active ports)",
        *node.network_gb_per_s));
  return group;
}

/// Links where the catalogue's own assumption, NVLink or xGMI between all, is not what the node
/// has.
void set_links(DetectedGroup& group, const std::optional<LinkJoins>& links,
               const DeviceSpec& spec) {
  if (!knows_intra_node(spec, group.gpus_per_node)) {
    group.intra_node_gb_per_s_per_device = assumed_intra_node();
  } else if (links && *links != LinkJoins::all && spec.pcie_gb_per_s()) {
    group.intra_node_gb_per_s_per_device = Finding<double>{*spec.pcie_gb_per_s(), std::nullopt};
    group.remarks.push_back(*links == LinkJoins::some
                                ? "NVLink or xGMI joins only some pairs of GPUs: PCIe counts"
                                : "no NVLink or xGMI between the GPUs: PCIe");
  }
}

DetectedGroup gpu_group(const LocalNode& node, const LocalGpu& gpu, const GpuCatalog& catalog) {
  DetectedGroup group = begin_group(node);
  group.gpu.value = gpu.name;
  group.gpus_per_node = static_cast<int>(std::count(node.gpus.begin(), node.gpus.end(), gpu));
  if (const std::optional<DeviceSpec> spec = catalog.find_device(gpu.name)) {
    set_links(group, node.links, *spec);
  } else {
    group.unknown_gpu_mem_mib = gpu.mem_mib;
    group.gpu.assumed = gpu.name + " is not in the GPU catalogue; give its peaks and bandwidth";
  }
  return group;
}

DetectedGroup cpu_group(const LocalNode& node) {
  DetectedGroup group = begin_group(node);
  group.cpu = DetectedCpu{.ranks_per_node = 1,
                          .cores_per_rank = node.cpus,
                          .mem_gb_per_rank = *group.mem_gb_per_node,
                          .source = fmt::format("assumed by planner detect for {} CPUs of {}",
                                                node.cpus, node.cpu_name)};
  return group;
}

/// The GPUs that differ, each once.
std::vector<LocalGpu> kinds_of(const std::vector<LocalGpu>& gpus) {
  std::vector<LocalGpu> kinds;
  for (const LocalGpu& gpu : gpus) {
    if (std::find(kinds.begin(), kinds.end(), gpu) == kinds.end()) kinds.push_back(gpu);
  }
  return kinds;
}

}  // namespace

std::vector<LocalGpu> read_nvidia_gpus(std::string_view text) {
  std::vector<LocalGpu> gpus;
  for (const std::string& line : split(text, '\n')) {
    if (trimmed(line).empty()) continue;
    const std::vector<std::string> fields = split_list(line);
    const std::optional<double> mem_mib =
        fields.size() >= 2 ? leading_number(fields[1]) : std::nullopt;
    if (!mem_mib)
      throw ConfigError(
          fmt::format("nvidia-smi: '{}' (a name and MiB of memory expected)", trimmed(line)));
    gpus.push_back(
        {fields[0], static_cast<int64_t>(*mem_mib), fields.size() > 2 && fields[2] == "Enabled"});
  }
  return gpus;
}

std::vector<LocalGpu> read_rocm_gpus(const std::string& text) {
  const std::optional<ConfigNode> root = rocm_document(text);
  if (!root) return {};
  std::vector<LocalGpu> gpus;
  for (const auto& [name, card] : root->entries()) {
    if (!name.starts_with("card")) continue;
    const std::string bytes = find_any_case(card, "VRAM Total Memory (B)").value_or("0");
    gpus.push_back({rocm_name(card).value_or("unknown AMD GPU"),
                    static_cast<int64_t>(leading_number(bytes).value_or(0) / (1024.0 * 1024.0)),
                    false});
  }
  return gpus;
}

std::optional<LinkJoins> read_nvlink_topology(std::string_view text) {
  const std::vector<std::vector<std::string>> rows = topology_rows(text);
  if (rows.size() < 2) return std::nullopt;
  std::size_t joined = 0;
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size() && j < rows[i].size(); ++j) {
      if (i == j) continue;
      ++pairs;
      joined += is_nvlink(rows[i][j]) ? 1 : 0;
    }
  }
  return joins_of(joined, pairs);
}

std::optional<LinkJoins> read_xgmi_topology(const std::string& text) {
  const std::optional<ConfigNode> root = rocm_document(text);
  const std::optional<ConfigNode> system =
      root ? MapReader(*root).find_node("system") : std::nullopt;
  if (!system) return std::nullopt;
  std::size_t joined = 0;
  std::size_t pairs = 0;
  for (const auto& [name, link] : system->entries()) {
    if (!lower_case(name).starts_with("(topology) link type between")) continue;
    ++pairs;
    joined += upper_case(link.as<std::string>()) == "XGMI" ? 1 : 0;
  }
  return pairs == 0 ? std::nullopt : std::optional(joins_of(joined, pairs));
}

DetectedCluster describe_local(const LocalNode& node, const GpuCatalog& catalog) {
  DetectedCluster cluster;
  cluster.name = node.host;
  cluster.how = "this node, " + node.host;
  if (node.gpus.empty()) cluster.groups.push_back(cpu_group(node));
  for (const LocalGpu& gpu : kinds_of(node.gpus)) {
    if (gpu.is_sliced) {
      cluster.left_out.push_back(gpu.name + ": in MIG mode, jobs get slices of it");
      continue;
    }
    cluster.groups.push_back(gpu_group(node, gpu, catalog));
    if (kinds_of(node.gpus).size() > 1) cluster.groups.back().name = "local-" + word_of(gpu.name);
  }
  return cluster;
}

LocalNode look_at_this_node() {
  LocalNode node;
  node.host = host_name();
  node.cpus = count_cpus();
  node.mem_gb = memory_gb();
  node.cpu_name = cpu_name();
  node.gpus = find_gpus();
  if (node.gpus.size() > 1) node.links = find_topology();
  node.network_gb_per_s = active_ports_gb_per_s("/sys/class/infiniband");
  return node;
}

}  // namespace isoflop
