// SPDX-License-Identifier: MIT
#include "planner/plan_request.hpp"

#include "core/base/error.hpp"
#include "core/model/parameter_list.hpp"
#include "core/scaling/law_catalog.hpp"
#include "planner/detect/local_node.hpp"
#include "planner/model_argument.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace {

/// A model fixes the vocabulary unless something else does.
TrainingText text_for(const Options& options, const std::optional<ModelShape>& model) {
  TextOptions text = options.text;
  const bool free = !text.data && !text.vocab_size && !text.tokenizer;
  if (model && free) {
    text.vocab_size = model->vocab_size;
    text.tokenizer = "that of " + (model->name.empty() ? *options.model : model->name);
  }
  const TrainingText described = describe_text(text);
  if (model && described.vocab_size > model->vocab_size)
    throw ConfigError(
        fmt::format("--model has a vocabulary of {} (the text has {}); use another model or "
                    "tokenizer",
                    model->vocab_size, described.vocab_size));
  return described;
}

void check_text(const PlanRequest& request) {
  if (request.goals.max_epochs && !request.text.unique_tokens())
    throw ConfigError(
        "--max-epochs needs to know how much text there is; give --dataset-tokens or --data");
}

void check_model(const PlanRequest& request) {
  if (!request.goals.model || request.what_if) return;
  const std::string part = untrainable_part(*request.goals.model);
  if (!part.empty())
    throw ConfigError(fmt::format(
        "--model has {} (this version of the trainer does not run it); add --what-if to plan it "
        "all the same",
        part));
}

}  // namespace

std::optional<std::string> detected_cluster(const Options& options, const GpuCatalog& catalog) {
  if (options.cluster_file != "auto") return std::nullopt;
  return cluster_document(describe_local(look_at_this_node(), catalog));
}

Cluster find_cluster(const Options& options, const std::optional<std::string>& detected,
                     const GpuCatalog& catalog) {
  if (!detected) return load_cluster(options.cluster_file, catalog);
  return read_cluster(ConfigNode::parse(*detected, "detected cluster"), ".", catalog);
}

PlanRequest make_request(const Options& options, Cluster cluster) {
  PlanRequest request;
  request.cluster = std::move(cluster);
  for (Partition& partition : request.cluster.partitions) {
    if (options.price) partition.price_per_gpu_hour = options.price;
  }
  if (options.templates) request.cluster.templates = options.templates;
  request.goals = options.goals;
  if (options.model) request.goals.model = load_model_argument(*options.model);
  request.name = options.name.value_or(default_run_name(request.cluster.name, options.goals));
  request.text = text_for(options, request.goals.model);
  request.law = options.law ? load_law(*options.law) : LawCatalog::load().default_law();
  request.repeated_data = LawCatalog::load().repeated_data();
  request.partition = options.partition;
  request.n_devices = options.n_devices;
  request.precision = options.precision;
  request.seq_len = options.seq_len;
  request.optimizer = options.optimizer;
  request.attention = options.attention;
  request.what_if = options.what_if;
  if (options.calibration) request.constants = CalibrationFile::load(*options.calibration);
  check_goals(request.goals);
  check_text(request);
  check_model(request);
  return request;
}

}  // namespace isoflop
