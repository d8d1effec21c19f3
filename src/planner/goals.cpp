// SPDX-License-Identifier: MIT
#include "planner/goals.hpp"

#include "core/base/error.hpp"

namespace isoflop {

Objective Goals::chosen_objective() const {
  const bool free_size = tokens && !fix_size() && !compute && !loss;
  return objective.value_or(fix_length() && !free_size ? Objective::time : Objective::loss);
}

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
}

}  // namespace isoflop
