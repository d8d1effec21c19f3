// SPDX-License-Identifier: MIT
// cublasLtMatmulAlgoGetHeuristic, cublasLtMatmulAlgoCheck and cublasLtMatmul: what an algorithm was
// asked for must be what it is used with.
#include "emulation/cublas_lt_objects.hpp"
#include "emulation/matrix_product.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

namespace isoflop::emulation {
namespace {

constexpr uint64_t kWorkspaceBytes = 4096;
constexpr uint64_t kWorkspaceAlignment = 256;

/// Of an algorithm; in shapes_only what it may take at most.
uint64_t workspace_of(uint64_t most) { return executes() ? std::min(kWorkspaceBytes, most) : most; }
constexpr uint64_t kAlgoMark = 0x6973'6f66'6c6f'7031;
/// The most that the alignment of a pointer in a descriptor promises.
constexpr uint64_t kMostPromised = 16;

/// Descriptor and layouts of one product.
struct Problem {
  LtMatmulDesc desc;
  LtLayout a, b, c, d;

  int64_t inner() const {
    return static_cast<int64_t>(desc.transpose_a == CUBLAS_OP_T ? a.rows : a.cols);
  }
};

/// What an algorithm was chosen for, kept in the words of cublasLtMatmulAlgo_t.
struct Algo {
  uint64_t mark = kAlgoMark;
  uint64_t problem = 0;  ///< fingerprint
  uint64_t workspace_bytes = 0;
  uint32_t alignment_a = 0, alignment_b = 0, alignment_c = 0, alignment_d = 0;
  uint64_t alignment_bias = 0;
  uint64_t place = 0;  ///< among those of the problem: Options::product_ns
  uint64_t alignment_aux = 0;
};

uint64_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  return address & (~address + 1);
}

/// What an algorithm may expect of a pointer that is where this one is; 0: nothing, it is not read.
uint64_t promise_of(const void* pointer, bool is_used) {
  if (!is_used) return 0;
  return pointer == nullptr ? kMostPromised : std::min(kMostPromised, alignment_of(pointer));
}

const char* name_of(cudaDataType_t type) {
  if (type == CUDA_R_16BF) return "bf16";
  return type == CUDA_R_16F ? "f16" : "f32";
}

const char* name_of(cublasLtEpilogue_t epilogue) {
  switch (epilogue) {
    case CUBLASLT_EPILOGUE_BIAS:
      return "BIAS";
    case CUBLASLT_EPILOGUE_GELU_AUX:
      return "GELU_AUX";
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
      return "GELU_AUX_BIAS";
    case CUBLASLT_EPILOGUE_DGELU:
      return "DGELU";
    default:
      return "DEFAULT";
  }
}

std::string text_of(const LtLayout& layout) {
  const std::string one =
      fmt::format("{} x {} ld {} {}", layout.rows, layout.cols, layout.ld, name_of(layout.type));
  if (layout.n_batch == 1) return one;
  return fmt::format("{} of {}, {} apart", layout.n_batch, one, layout.batch_offset);
}

/// Everything but the addresses.
std::string text_of(const Problem& problem) {
  return fmt::format(
      "A {}{}, B {}{}, C {}, D {}, epilogue {} aux ld {}", text_of(problem.a),
      problem.desc.transpose_a == CUBLAS_OP_T ? " transposed" : "", text_of(problem.b),
      problem.desc.transpose_b == CUBLAS_OP_T ? " transposed" : "", text_of(problem.c),
      text_of(problem.d), name_of(problem.desc.epilogue), problem.desc.aux_ld);
}

/// Whether the GPU has an algorithm at that place.
bool exists(uint64_t place) {
  const Options& options = current_node().options;
  return place < options.product_ns.size() &&
         static_cast<int64_t>(place) != options.refused_product;
}

bool fails_to_run(uint64_t place) {
  const std::vector<int>& failing = current_node().options.failing_products;
  return std::find(failing.begin(), failing.end(), static_cast<int>(place)) != failing.end();
}

uint64_t fingerprint(const Problem& problem) { return std::hash<std::string>{}(text_of(problem)); }

/// Empty, and a finding, when a handle is not alive.
std::optional<Problem> read_problem(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                    cublasLtMatrixLayout_t d, const std::string& call) {
  const LtMatmulDesc* const found = lt_descs().find(desc, call);
  const LtLayout* const layouts[] = {
      lt_layouts().find(a, call + " A"), lt_layouts().find(b, call + " B"),
      lt_layouts().find(c, call + " C"), lt_layouts().find(d, call + " D")};
  if (!found || std::find(std::begin(layouts), std::end(layouts), nullptr) != std::end(layouts))
    return std::nullopt;
  return Problem{*found, *layouts[0], *layouts[1], *layouts[2], *layouts[3]};
}

/// Source of the types: docs.nvidia.com/cuda/cublas, cublasLtMatmul(), rows of CUBLAS_COMPUTE_32F.
bool has_documented_types(const Problem& p) {
  if (p.a.type != p.b.type || p.c.type != p.d.type) return false;
  return p.d.type == CUDA_R_32F || p.d.type == p.a.type;
}

std::optional<std::string> problem_of_types(const Problem& p) {
  if (!has_documented_types(p)) return "data types are not a documented combination";
  if (p.desc.adds_bias() && p.desc.bias_type != -1 &&
      p.desc.bias_type != static_cast<int32_t>(p.d.type))
    return "bias type is not D's";
  return std::nullopt;
}

/// Source: cublasLt.h, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD.
std::optional<std::string> problem_of_aux(const Problem& p) {
  constexpr int64_t kLdMultiple = 8;
  if (!p.desc.has_aux()) return std::nullopt;
  if (p.desc.aux_ld % kLdMultiple != 0)
    return fmt::format("aux ld {} is no multiple of {}", p.desc.aux_ld, kLdMultiple);
  if (p.desc.aux_ld < static_cast<int64_t>(p.d.rows))
    return fmt::format("aux ld {} of {} rows", p.desc.aux_ld, p.d.rows);
  return std::nullopt;
}

std::optional<std::string> problem_of_batch(const Problem& p) {
  for (const LtLayout& layout : {p.a, p.b, p.c})
    if (layout.n_batch != p.d.n_batch)
      return fmt::format("batches of {} and {} matrices", layout.n_batch, p.d.n_batch);
  if (p.d.n_batch < 1) return fmt::format("a batch of {} matrices", p.d.n_batch);
  if (p.d.n_batch > 1 && p.d.batch_offset < p.d.ld * static_cast<int64_t>(p.d.cols))
    return fmt::format("matrices of D overlap: {} elements apart", p.d.batch_offset);
  if (p.d.n_batch > 1 && p.desc.epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    return "the epilogue of a batch is not emulated";
  return std::nullopt;
}

std::optional<std::string> problem_of(const Problem& p) {
  const uint64_t M = p.desc.transpose_a == CUBLAS_OP_T ? p.a.cols : p.a.rows;
  const uint64_t N = p.desc.transpose_b == CUBLAS_OP_T ? p.b.rows : p.b.cols;
  const uint64_t K_of_b = p.desc.transpose_b == CUBLAS_OP_T ? p.b.cols : p.b.rows;
  if (static_cast<uint64_t>(p.inner()) != K_of_b)
    return fmt::format("inner dimensions are {} and {}", p.inner(), K_of_b);
  if (p.d.rows != M || p.d.cols != N)
    return fmt::format("D is {} x {}, the product {} x {}", p.d.rows, p.d.cols, M, N);
  if (M == 0 || N == 0 || K_of_b == 0) return "a dimension is 0";
  if (p.c != p.d) return "layouts of C and D differ";
  if (auto problem = problem_of_batch(p)) return problem;
  if (auto problem = problem_of_aux(p)) return problem;
  return problem_of_types(p);
}

MatrixView view(const LtLayout& layout, const void* data) {
  return {data, layout.type, static_cast<int64_t>(layout.rows), static_cast<int64_t>(layout.cols),
          layout.ld};
}

Epilogue epilogue_of(const LtMatmulDesc& desc) {
  if (desc.applies_gelu()) return Epilogue::gelu;
  return desc.applies_gelu_gradient() ? Epilogue::gelu_gradient : Epilogue::none;
}

/// None where the epilogue takes none.
MatrixView aux_of(const Problem& problem) {
  if (!problem.desc.has_aux()) return {};
  MatrixView aux = view(problem.d, problem.desc.aux);
  aux.ld = problem.desc.aux_ld;
  return aux;
}

/// The arguments of one cublasLtMatmul.
struct Call {
  Problem problem;
  Algo algo;
  MatrixProduct product;  ///< the first of the batch
  std::byte* workspace = nullptr;
  uint64_t workspace_bytes = 0;

  int32_t n_batch() const { return problem.d.n_batch; }
  MatrixView a(int32_t i) const { return product.a.moved_by(i * problem.a.batch_offset); }
  MatrixView b(int32_t i) const { return product.b.moved_by(i * problem.b.batch_offset); }
  MatrixView c(int32_t i) const {
    MatrixView view = product.d;
    view.data = product.c;
    return view.moved_by(i * problem.c.batch_offset);
  }
  MatrixView d(int32_t i) const { return product.d.moved_by(i * problem.d.batch_offset); }
  /// The i-th product of the batch.
  MatrixProduct at(int32_t i) const {
    MatrixProduct moved = product;
    moved.a = a(i);
    moved.b = b(i);
    moved.c = c(i).data;
    moved.d = d(i);
    return moved;
  }
};

std::optional<std::string> problem_of_alignment(const Call& call) {
  struct Promise {
    const char* name;
    const void* pointer;
    uint64_t bytes;
  };
  // All matrices of a batch lie as the first two do.
  const int32_t i = std::min(1, call.n_batch() - 1);
  for (const Promise& promise : {Promise{"A", call.product.a.data, call.algo.alignment_a},
                                 Promise{"B", call.product.b.data, call.algo.alignment_b},
                                 Promise{"C", call.product.c, call.algo.alignment_c},
                                 Promise{"D", call.product.d.data, call.algo.alignment_d},
                                 Promise{"second A", call.a(i).data, call.algo.alignment_a},
                                 Promise{"second B", call.b(i).data, call.algo.alignment_b},
                                 Promise{"second C", call.c(i).data, call.algo.alignment_c},
                                 Promise{"second D", call.d(i).data, call.algo.alignment_d},
                                 Promise{"bias", call.product.bias, call.algo.alignment_bias},
                                 Promise{"aux", call.product.aux.data, call.algo.alignment_aux}}) {
    if (promise.pointer == nullptr || promise.bytes == 0) continue;
    if (alignment_of(promise.pointer) < promise.bytes)
      return fmt::format("{} at {} is not aligned to {} bytes as the algorithm was promised",
                         promise.name, promise.pointer, promise.bytes);
  }
  return std::nullopt;
}

std::optional<std::string> problem_of_workspace(const Call& call) {
  if (call.workspace_bytes < call.algo.workspace_bytes)
    return fmt::format("workspace of {} bytes, the algorithm takes {}", call.workspace_bytes,
                       call.algo.workspace_bytes);
  if (call.workspace_bytes == 0) return std::nullopt;
  if (call.workspace == nullptr) return "workspace is null";
  if (alignment_of(call.workspace) < kWorkspaceAlignment)
    return fmt::format("workspace at {} is not aligned to {} bytes", fmt::ptr(call.workspace),
                       kWorkspaceAlignment);
  return std::nullopt;
}

/// Whether elements of the two matrices share memory; columns of one may lie in the gaps between
/// those of the other.
bool overlaps(const MatrixView& x, const MatrixView& y) {
  const auto first = reinterpret_cast<intptr_t>(x.data);
  const auto second = reinterpret_cast<intptr_t>(y.data);
  if (first + x.bytes() <= second || second + y.bytes() <= first) return false;
  const int64_t pitch = x.ld * x.element_bytes();
  if (pitch != y.ld * y.element_bytes()) return true;
  const int64_t offset = ((second - first) % pitch + pitch) % pitch;
  return offset < x.rows * x.element_bytes() || offset + y.rows * y.element_bytes() > pitch;
}

/// Of any matrix of D with one of another operand. C may be D itself.
std::optional<std::string> problem_of_overlap(const Call& call) {
  const bool has_other_c = call.product.c != nullptr && call.product.c != call.product.d.data;
  if (call.product.aux.data != nullptr && overlaps(call.d(0), call.product.aux))
    return "D overlaps aux";
  for (int32_t i = 0; i < call.n_batch(); ++i)
    for (int32_t j = 0; j < call.n_batch(); ++j) {
      if (has_other_c && overlaps(call.d(i), call.c(j))) return "D overlaps C";
      if (overlaps(call.d(i), call.a(j))) return "D overlaps A";
      if (overlaps(call.d(i), call.b(j))) return "D overlaps B";
    }
  return std::nullopt;
}

std::optional<std::string> problem_of_operands(const Call& call) {
  const MatrixProduct& product = call.product;
  if (!product.a.data || !product.b.data || !product.d.data) return "an operand is null";
  if (product.beta != 0.0f && product.c == nullptr) return "C is null";
  if (call.problem.desc.adds_bias() && product.bias == nullptr) return "bias pointer is null";
  if (call.problem.desc.has_aux() && product.aux.data == nullptr) return "aux pointer is null";
  return problem_of_overlap(call);
}

std::optional<std::string> problem_of(const Call& call) {
  if (call.algo.mark != kAlgoMark) return "algo is not from cublasLtMatmulAlgoGetHeuristic";
  if (call.algo.problem != fingerprint(call.problem))
    return fmt::format("algo was chosen for another product than {}", text_of(call.problem));
  if (!exists(call.algo.place)) return "algo is none of this GPU's";
  if (auto problem = problem_of(call.problem)) return problem;
  if (auto problem = problem_of_operands(call)) return problem;
  if (auto problem = problem_of_alignment(call)) return problem;
  return problem_of_workspace(call);
}

/// A matrix, column by column where something that is not touched lies between those.
void add_matrix(std::vector<Access>& accesses, const MatrixView& matrix, bool is_write) {
  const bool is_dense = matrix.ld == matrix.rows;
  const int64_t bytes = is_dense ? matrix.bytes() : matrix.rows * matrix.element_bytes();
  for (int64_t i = 0; i < (is_dense ? 1 : matrix.cols); ++i) {
    const int64_t offset = i * matrix.ld * matrix.element_bytes();
    accesses.push_back({static_cast<const std::byte*>(matrix.data) + offset, bytes, is_write});
  }
}

std::vector<Access> accesses_of(const Call& call) {
  const MatrixProduct& product = call.product;
  const MatrixView& d = product.d;
  std::vector<Access> accesses;
  if (product.bias != nullptr) accesses.push_back(reads(product.bias, d.rows * d.element_bytes()));
  if (call.workspace_bytes > 0)
    accesses.push_back(spoils(call.workspace, static_cast<int64_t>(call.workspace_bytes)));
  for (int32_t i = 0; i < call.n_batch(); ++i) {
    add_matrix(accesses, call.a(i), false);
    add_matrix(accesses, call.b(i), false);
    if (product.beta != 0.0f) add_matrix(accesses, call.c(i), false);
    add_matrix(accesses, call.d(i), true);
  }
  if (product.epilogue != Epilogue::none)
    add_matrix(accesses, product.aux, product.epilogue == Epilogue::gelu);
  return accesses;
}

int64_t touched_bytes(const MatrixView& matrix) {
  return matrix.rows * matrix.cols * matrix.element_bytes();
}

const char* text_of(Epilogue epilogue) {
  if (epilogue == Epilogue::none) return "";
  return epilogue == Epilogue::gelu ? " GELU" : " GELU's gradient";
}

Work work_of(const Call& call) {
  const MatrixProduct& product = call.product;
  const int64_t M = product.d.rows, N = product.d.cols, K = call.problem.inner();
  const int64_t n = call.n_batch(), d_bytes = n * touched_bytes(product.d);
  const std::string batch = n > 1 ? fmt::format("{} of ", n) : "";
  const auto aux_bytes_if = [&](Epilogue epilogue) {
    return product.epilogue == epilogue ? d_bytes : 0;
  };
  return {.kind = WorkKind::product,
          .flops = 2.0 * static_cast<double>(n) * static_cast<double>(M) * static_cast<double>(N) *
                   static_cast<double>(K),
          .read_bytes = n * (touched_bytes(product.a) + touched_bytes(product.b)) +
                        (product.beta != 0.0f ? d_bytes : 0) +
                        aux_bytes_if(Epilogue::gelu_gradient),
          .written_bytes = d_bytes + aux_bytes_if(Epilogue::gelu),
          .epilogue_bytes = product.epilogue == Epilogue::none ? 0 : d_bytes,
          .detail = fmt::format("{}{} x {} x {}{}{}", batch, N, M, K,
                                product.beta != 0.0f ? " +=" : "", text_of(product.epilogue))};
}

/// Bytes of 0xff are NaN in f32, bf16 and f16: nobody keeps data in a workspace.
void run(const Call& call) {
  if (call.workspace_bytes > 0)
    std::memset(call.workspace, 0xff, static_cast<std::size_t>(call.algo.workspace_bytes));
  for (int32_t i = 0; i < call.n_batch(); ++i) multiply(call.at(i));
}

cublasLtMatmulHeuristicResult_t result_of(const Algo& algo) {
  cublasLtMatmulHeuristicResult_t result{};
  result.algo = std::bit_cast<cublasLtMatmulAlgo_t>(algo);
  result.workspaceSize = static_cast<size_t>(algo.workspace_bytes);
  result.state = CUBLAS_STATUS_SUCCESS;
  result.wavesCount = 1.0f;
  return result;
}

void enqueue_call(const Call& call, cudaStream_t stream) {
  const MatrixProduct& product = call.product;
  Operation operation{.name = "cublasLtMatmul",
                      .accesses = executes() ? accesses_of(call) : std::vector<Access>{},
                      .run = [call] { run(call); },
                      .work = work_of(call),
                      .duration_ns = current_node().options.product_ns[call.algo.place]};
  operation.fingerprint =
      fmt::format("{} by {}: A {} B {} C {} D {} bias {} aux {} workspace {} + {} alpha {} beta {}",
                  text_of(call.problem), call.algo.place, product.a.data, product.b.data, product.c,
                  product.d.data, product.bias, product.aux.data, fmt::ptr(call.workspace),
                  call.workspace_bytes, product.alpha, product.beta);
  enqueue(stream, std::move(operation));
}

}  // namespace
}  // namespace isoflop::emulation

using namespace isoflop::emulation;

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference_handle,
                                              int n_requested,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* n_results) {
  const char* const call = "cublasLtMatmulAlgoGetHeuristic";
  const LtPreference* const preference = lt_preferences().find(preference_handle, call);
  const std::optional<Problem> problem = read_problem(desc, a, b, c, d, call);
  if (!lt_contexts().find(handle, call) || !preference || !problem)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (n_requested < 1 || results == nullptr || n_results == nullptr)
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call, "no room for results");
  *n_results = 0;
  if (const auto wrong = problem_of(*problem))
    return fail_lt(CUBLAS_STATUS_NOT_SUPPORTED, call, *wrong);
  if (problem->desc.has_aux() && !current_node().options.has_gelu_products)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const LtMatmulDesc& asked = problem->desc;
  Algo algo{.problem = fingerprint(*problem),
            .workspace_bytes = workspace_of(preference->max_workspace_bytes),
            .alignment_a = preference->alignment_a,
            .alignment_b = preference->alignment_b,
            .alignment_c = preference->alignment_c,
            .alignment_d = preference->alignment_d,
            .alignment_bias = promise_of(asked.bias, asked.adds_bias()),
            .alignment_aux = promise_of(asked.aux, asked.has_aux())};
  for (; algo.place < current_node().options.product_ns.size() && *n_results < n_requested;
       ++algo.place)
    if (exists(algo.place)) results[(*n_results)++] = result_of(algo);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* words,
                                       cublasLtMatmulHeuristicResult_t* result) {
  const char* const call = "cublasLtMatmulAlgoCheck";
  const std::optional<Problem> problem = read_problem(desc, a, b, c, d, call);
  if (!lt_contexts().find(handle, call) || !problem) return CUBLAS_STATUS_INVALID_VALUE;
  if (words == nullptr || result == nullptr)
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call, "algo or result is null");
  const auto algo = std::bit_cast<Algo>(*words);
  if (algo.mark != kAlgoMark || algo.problem != fingerprint(*problem))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (!exists(algo.place)) return CUBLAS_STATUS_NOT_SUPPORTED;
  *result = result_of(algo);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  const char* const name = "cublasLtMatmul";
  const std::optional<Problem> problem =
      read_problem(desc, a_layout, b_layout, c_layout, d_layout, name);
  if (!lt_contexts().find(handle, name) || !problem) return CUBLAS_STATUS_INVALID_VALUE;
  if (alpha == nullptr || beta == nullptr || algo == nullptr)
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, name, "alpha, beta or algo is null");
  Call call{.problem = *problem,
            .algo = std::bit_cast<Algo>(*algo),
            .product = {.a = view(problem->a, a),
                        .b = view(problem->b, b),
                        .c = c,
                        .d = view(problem->d, d),
                        .transpose_a = problem->desc.transpose_a == CUBLAS_OP_T,
                        .transpose_b = problem->desc.transpose_b == CUBLAS_OP_T,
                        .alpha = *static_cast<const float*>(alpha),
                        .beta = *static_cast<const float*>(beta),
                        .bias = problem->desc.adds_bias() ? problem->desc.bias : nullptr,
                        .epilogue = epilogue_of(problem->desc),
                        .aux = aux_of(*problem)},
            .workspace = static_cast<std::byte*>(workspace),
            .workspace_bytes = workspace_bytes};
  call.product.n_part = static_cast<int64_t>(call.algo.place) + 1;
  if (const auto wrong = problem_of(call))
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, name, *wrong);
  if (fails_to_run(call.algo.place)) return CUBLAS_STATUS_NOT_SUPPORTED;
  enqueue_call(call, stream);
  return CUBLAS_STATUS_SUCCESS;
}
