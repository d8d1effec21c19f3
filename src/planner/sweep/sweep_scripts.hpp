// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sbatch_writer.hpp"
#include "planner/sweep/sweep.hpp"
#include "planner/sweep/sweep_folder.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace isoflop {

/// The text of DIR/array-N.sbatch, from slurm/templates/sweep.sbatch.mustache: each job of the
/// array trains one run, and goes on with it, as train.sbatch does. Where the site chains jobs by
/// arrays a run that needs another job waits for planner submit. Throws as write_sbatch does.
std::string write_array_sbatch(const Sweep& sweep, std::size_t array, const std::string& name,
                               const SweepFiles& files, const ScriptContext& context);

/// The text of DIR/report.sbatch, from report.sbatch.mustache: tables of the runs that are done
/// and, where a law of some form is wanted, its fit to them.
std::string write_report_sbatch(const Sweep& sweep, std::optional<SweepForm> form,
                                const std::string& name, const SweepFiles& files,
                                const ScriptContext& context);

/// The text of DIR/tick.sbatch, from tick.sbatch.mustache: one tick of planner tick, before it the
/// job of the next one.
std::string write_tick_sbatch(const Partition& partition, const std::string& name,
                              int every_minutes, const SweepFiles& files,
                              const ScriptContext& context);

/// The text of DIR/sweep.scrontab, from sweep.scrontab.mustache: the same ticks by scrontab.
/// `every_minutes` divides an hour or a day into equal parts.
std::string write_scrontab(const Partition& partition, const std::string& name, int every_minutes,
                           const SweepFiles& files, const ScriptContext& context);

/// plans/NAME.yaml
std::filesystem::path plan_file_of(const SweepRun& run, const SweepFiles& files);

}  // namespace isoflop
