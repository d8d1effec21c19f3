// SPDX-License-Identifier: MIT
#include "planner/goals.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/model/param_count.hpp"

#include <fmt/format.h>

namespace isoflop {

Objective Goals::chosen_objective() const {
  const bool free_size = tokens && !fix_size() && !compute && !loss;
  return objective.value_or(fix_length() && !free_size ? Objective::time : Objective::loss);
}

namespace {

void check_size(const ModelShape& model, double max_params) {
  const int64_t n_params = count_params(model).total();
  if (static_cast<double>(n_params) > max_params)
    throw ConfigError(fmt::format("--max-params is {} (--model has {}); leave one out",
                                  format_count(max_params), format_count(n_params)));
}

}  // namespace

void check_goals(const Goals& goals) {
  const bool enough =
      goals.limit_time() || goals.compute || goals.loss || (goals.tokens && goals.fix_size());
  if (!enough) {
    throw ConfigError(
        "nothing says how much to train; give --hours, --gpu-hours, --dollars, --compute, --loss, "
        "or --tokens with --model or --params");
  }
  if (goals.model && goals.n_params)
    throw ConfigError("--params and --model both fix the size; leave one out");
  if (goals.compute && goals.tokens && goals.fix_size())
    throw ConfigError("--compute, --tokens and a fixed size are one too many; leave one out");
  if (goals.max_params && goals.n_params && *goals.max_params < *goals.n_params)
    throw ConfigError("--max-params is below --params; leave one out");
  if (goals.max_params && goals.model) check_size(*goals.model, *goals.max_params);
}

}  // namespace isoflop
