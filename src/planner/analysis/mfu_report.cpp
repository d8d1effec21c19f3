// SPDX-License-Identifier: MIT
#include "planner/analysis/mfu_report.hpp"

#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "planner/analysis/model_report.hpp"

#include <fmt/format.h>

#include <span>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::string describe_gpus(const MfuRequest& request, const MfuAnalysis& analysis,
                          const std::string& gpu_how) {
  const std::string measured =
      analysis.measured_tflops
          ? fmt::format("; best dense product measured: {:g}", *analysis.measured_tflops)
          : "";
  return line("GPUs", fmt::format("{} x {}", request.n_gpu, request.gpu.name)) + line("", gpu_how) +
         line("Peak", fmt::format("{:g} TFLOP/s {} dense a GPU{}", analysis.peak_tflops,
                                  to_string(request.precision), measured));
}

std::string describe_flops(const MfuRequest& request, const MfuAnalysis& analysis) {
  return line("FLOPs", fmt::format("{} a token of training in sequences of {} (causal), {} (full "
                                   "square)",
                                   format_flops(analysis.causal_flops_per_token), request.seq_len,
                                   format_flops(analysis.full_square_flops_per_token)));
}

std::string verdict(const MfuOfThroughput& result, const MfuAnalysis& analysis) {
  constexpr const char* kCheck =
      "check tokens/s, the number and kind of GPUs, the precision and the sequence length";
  switch (result.doubt) {
    case MfuDoubt::above_peak:
      return fmt::format("impossible: {:.4g} TFLOP/s are above the dense peak {:g}; {}",
                         result.tflops_per_gpu, analysis.peak_tflops, kCheck);
    case MfuDoubt::above_measured:
      return fmt::format(
          "impossible: {:.4g} TFLOP/s are above the best dense product that anyone measured, {:g}; "
          "{}",
          result.tflops_per_gpu, *analysis.measured_tflops, kCheck);
    case MfuDoubt::none:
      break;
  }
  const MfuBand& band = mfu_band(result.causal);
  std::string text = fmt::format("{}: {}", band.name, band.range);
  if (analysis.measured_tflops)
    text += fmt::format("; {} of the best dense product measured",
                        format_percent(result.tflops_per_gpu / *analysis.measured_tflops));
  return text;
}

std::string describe_formula(const MfuRequest& request, double by_formula) {
  const FlopsFormulaRow& row = row_of(*request.formula);
  return line("By formula",
              fmt::format("{} with '{}': {}", format_percent(by_formula), row.name, row.formula)) +
         line("", std::string(row.remark));
}

std::string describe_throughput(const MfuRequest& request, const MfuAnalysis& analysis) {
  const MfuOfThroughput& result = *analysis.throughput;
  std::string text = line(
      "Throughput", fmt::format("{} tokens/s, {} a GPU: {:.4g} TFLOP/s a GPU (causal)",
                                format_count(*request.tokens_per_s),
                                format_count(result.tokens_per_s_per_gpu), result.tflops_per_gpu));
  text +=
      line("MFU", fmt::format("{} (causal), {} (full square, as most published tables)",
                              format_percent(result.causal), format_percent(result.full_square)));
  text += line("Verdict", verdict(result, analysis));
  if (result.by_formula) text += describe_formula(request, *result.by_formula);
  return text;
}

Table band_table(const MfuRequest& request, const MfuAnalysis& analysis) {
  Table table{"bands", "Tokens a second of each band"};
  table.notes = {"MFU by causal FLOPs; a band begins at its tokens/s"};
  table.columns = {{"band", "band"},
                   {"mfu", "MFU"},
                   {"tokens_per_s", "tokens/s", "", CellStyle::grouped},
                   {"tokens_per_s_per_gpu", "tokens/s a GPU", "", CellStyle::grouped},
                   {"tflops_per_gpu", "TFLOP/s a GPU", "", CellStyle::fixed, 1}};
  for (const MfuBand& band : kMfuBands) {
    std::vector<Cell> row = {std::string(band.name), std::string(band.range), {}, {}, {}};
    if (band.from > 0) {
      const double speed = analysis.tokens_per_s(band.from, request.n_gpu);
      row[2] = static_cast<int64_t>(speed);
      row[3] = static_cast<int64_t>(speed / static_cast<double>(request.n_gpu));
      row[4] = band.from * analysis.peak_tflops;
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

void write_throughput(JsonWriter& json, const MfuRequest& request, const MfuAnalysis& analysis) {
  const MfuOfThroughput& result = *analysis.throughput;
  const bool possible = result.doubt == MfuDoubt::none;
  json.entry("tokens_per_s", *request.tokens_per_s)
      .entry("tokens_per_s_per_gpu", result.tokens_per_s_per_gpu)
      .entry("tflops_per_gpu", result.tflops_per_gpu)
      .entry("mfu_causal", result.causal)
      .entry("mfu_full_square", result.full_square)
      .entry("verdict", possible ? std::string(mfu_band(result.causal).name) : "impossible");
  if (!possible)
    json.entry("impossible_because",
               result.doubt == MfuDoubt::above_peak ? "above_peak" : "above_measured_product");
  if (result.by_formula)
    json.key("formula")
        .begin_object()
        .entry("name", row_of(*request.formula).name)
        .entry("mfu", *result.by_formula)
        .end_object();
}

void write_bands(JsonWriter& json, const MfuRequest& request, const MfuAnalysis& analysis) {
  json.key("bands").begin_array();
  for (const MfuBand& band : kMfuBands)
    json.begin_object()
        .entry("band", band.name)
        .entry("mfu_from", band.from)
        .entry("tokens_per_s_from", analysis.tokens_per_s(band.from, request.n_gpu))
        .end_object();
  json.end_array();
}

}  // namespace

std::string describe_mfu(const MfuRequest& request, const MfuAnalysis& analysis,
                         const std::string& gpu_how) {
  const Table bands = band_table(request, analysis);
  return describe_model(request.shape) + describe_gpus(request, analysis, gpu_how) +
         describe_flops(request, analysis) +
         (analysis.throughput ? describe_throughput(request, analysis) : "") + "\n" +
         render_text(std::span(&bands, 1));
}

std::string mfu_as_json(const MfuRequest& request, const MfuAnalysis& analysis) {
  JsonWriter json;
  json.begin_object()
      .entry("model", short_name(request.shape))
      .entry("gpu", request.gpu.name)
      .entry("n_gpus", request.n_gpu)
      .entry("precision", to_string(request.precision))
      .entry("seq_len", request.seq_len)
      .entry("peak_dense_tflops", analysis.peak_tflops);
  if (analysis.measured_tflops) json.entry("measured_tflops", *analysis.measured_tflops);
  json.entry("training_flops_per_token_causal", analysis.causal_flops_per_token)
      .entry("training_flops_per_token_full_square", analysis.full_square_flops_per_token);
  if (analysis.throughput) write_throughput(json, request, analysis);
  write_bands(json, request, analysis);
  return json.end_object().text();
}

}  // namespace isoflop
