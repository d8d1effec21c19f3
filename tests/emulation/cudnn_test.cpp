// SPDX-License-Identifier: MIT
#include "emulation/cudnn_interpreter.hpp"
#include "emulation/test_gpu.hpp"

#include <cudnn.h>

#include <cmath>
#include <cstdint>
#include <map>

namespace isoflop::emulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
using Descriptor = cudnnBackendDescriptor_t;

template <typename T>
cudnnStatus_t set(Descriptor descriptor, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, const std::vector<T>& values) {
  return cudnnBackendSetAttribute(descriptor, name, type, static_cast<int64_t>(values.size()),
                                  values.data());
}

Descriptor make(cudnnBackendDescriptorType_t type) {
  Descriptor descriptor = nullptr;
  EXPECT_EQ(cudnnBackendCreateDescriptor(type, &descriptor), CUDNN_STATUS_SUCCESS);
  return descriptor;
}

Descriptor finalised(Descriptor descriptor) {
  EXPECT_EQ(cudnnBackendFinalize(descriptor), CUDNN_STATUS_SUCCESS);
  return descriptor;
}

void put(Descriptor to, cudnnBackendAttributeName_t name, const std::vector<Descriptor>& parts) {
  EXPECT_EQ(set(to, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, parts), CUDNN_STATUS_SUCCESS);
}

enum class Where { memory, inside, by_value };

Descriptor unfinished_tensor(int64_t uid, cudnnDataType_t dtype, const std::vector<int64_t>& dims,
                             const std::vector<int64_t>& strides, Where where = Where::memory) {
  const Descriptor tensor = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set<int64_t>(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, {uid});
  set<cudnnDataType_t>(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, {dtype});
  set(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, dims);
  set(tensor, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides);
  set<int64_t>(tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, {16});
  const bool is_virtual = where == Where::inside, is_by_value = where == Where::by_value;
  cudnnBackendSetAttribute(tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1,
                           &is_virtual);
  cudnnBackendSetAttribute(tensor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1,
                           &is_by_value);
  return tensor;
}

Descriptor tensor(int64_t uid, cudnnDataType_t dtype, const std::vector<int64_t>& dims,
                  const std::vector<int64_t>& strides, Where where = Where::memory) {
  return finalised(unfinished_tensor(uid, dtype, dims, strides, where));
}

/// Rows of floats without gaps.
Descriptor rows(int64_t uid, int64_t n, int64_t m, Where where = Where::memory) {
  return tensor(uid, CUDNN_DATA_FLOAT, {1, 1, n, m}, {n * m, n * m, m, 1}, where);
}

Descriptor pointwise_mode(cudnnPointwiseMode_t mode) {
  const Descriptor what = make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set<cudnnPointwiseMode_t>(what, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, {mode});
  set<cudnnDataType_t>(what, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE,
                       {CUDNN_DATA_FLOAT});
  return what;
}

Descriptor unfinished_pointwise(Descriptor what, Descriptor y, Descriptor x, Descriptor b = nullptr,
                                Descriptor t = nullptr) {
  const Descriptor op = make(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  put(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, {what});
  put(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, {x});
  if (b) put(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, {b});
  if (t) put(op, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, {t});
  put(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, {y});
  return op;
}

Descriptor pointwise(cudnnPointwiseMode_t mode, Descriptor y, Descriptor x, Descriptor b = nullptr,
                     Descriptor t = nullptr) {
  return finalised(unfinished_pointwise(finalised(pointwise_mode(mode)), y, x, b, t));
}

Descriptor index_along(int64_t axis, Descriptor y, Descriptor x) {
  const Descriptor what = pointwise_mode(CUDNN_POINTWISE_GEN_INDEX);
  set<int64_t>(what, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, {axis});
  return finalised(unfinished_pointwise(finalised(what), y, x));
}

Descriptor unfinished_matmul(Descriptor c, Descriptor a, Descriptor b) {
  const Descriptor what = make(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  set<cudnnDataType_t>(what, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, {CUDNN_DATA_FLOAT});
  const Descriptor op = make(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  put(op, CUDNN_ATTR_OPERATION_MATMUL_DESC, {finalised(what)});
  put(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, {a});
  put(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, {b});
  put(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, {c});
  return op;
}

Descriptor reduction(cudnnReduceTensorOp_t operation, Descriptor y, Descriptor x) {
  const Descriptor what = make(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  set<cudnnReduceTensorOp_t>(what, CUDNN_ATTR_REDUCTION_OPERATOR,
                             CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, {operation});
  set<cudnnDataType_t>(what, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE,
                       {CUDNN_DATA_FLOAT});
  const Descriptor op = make(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  put(op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, {finalised(what)});
  put(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, {x});
  put(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, {y});
  return finalised(op);
}

Descriptor unfinished_reshape(Descriptor y, Descriptor x) {
  const Descriptor op = make(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  put(op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, {x});
  put(op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, {y});
  return op;
}

Descriptor graph_of(cudnnHandle_t handle, const std::vector<Descriptor>& ops) {
  const Descriptor graph = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  set<cudnnHandle_t>(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, {handle});
  put(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, ops);
  return graph;
}

Descriptor plan_of(cudnnHandle_t handle, const std::vector<Descriptor>& ops) {
  const Descriptor heuristic = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  put(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, {finalised(graph_of(handle, ops))});
  set<cudnnBackendHeurMode_t>(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE,
                              {CUDNN_HEUR_MODE_A});
  Descriptor config = make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  int64_t n = 0;
  EXPECT_EQ(
      cudnnBackendGetAttribute(finalised(heuristic), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, static_cast<void*>(&config)),
      CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(n, 1);
  const Descriptor plan = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  put(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, {config});
  set<cudnnHandle_t>(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, {handle});
  return finalised(plan);
}

Descriptor unfinished_pack(const std::map<int64_t, void*>& memory, void* workspace) {
  std::vector<int64_t> uids;
  std::vector<void*> pointers;
  for (const auto& [uid, pointer] : memory) {
    uids.push_back(uid);
    pointers.push_back(pointer);
  }
  const Descriptor pack = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, uids);
  set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers);
  set<void*>(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, {workspace});
  return pack;
}

/// A cuDNN handle on a GPU's stream.
struct Cudnn {
  explicit Cudnn(TestGpu& gpu_of_test) : gpu(gpu_of_test) {
    cudnnCreate(&handle);
    cudnnSetStream(handle, gpu.stream());
  }

  cudnnStatus_t run(const std::vector<Descriptor>& ops, const std::map<int64_t, void*>& memory) {
    const Descriptor plan = plan_of(handle, ops);
    int64_t workspace_bytes = 0, n = 0;
    cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                             &n, &workspace_bytes);
    void* const workspace = gpu.allocate<std::byte>(static_cast<std::size_t>(workspace_bytes));
    return cudnnBackendExecute(handle, plan, finalised(unfinished_pack(memory, workspace)));
  }

  TestGpu& gpu;
  cudnnHandle_t handle = nullptr;
};

std::string run_cudnn(const std::function<void(Cudnn&, TestGpu&)>& body) {
  return run_and_find(1, [&](TestGpu& gpu, int) {
    Cudnn cudnn(gpu);
    body(cudnn, gpu);
  });
}

TEST(Cudnn, pointwise_spreads_dimensions_of_one) {
  EXPECT_THAT(
      run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
        float* const out = gpu.allocate<float>(4);
        cudnn.run(
            {pointwise(CUDNN_POINTWISE_SUB, rows(3, 2, 2), rows(1, 2, 2), rows(2, 2, 1))},
            {{1, gpu.upload<float>({1, 2, 3, 4})}, {2, gpu.upload<float>({10, 20})}, {3, out}});
        EXPECT_THAT(gpu.download(out, 4), ElementsAre(-9, -8, -17, -16));
      }),
      IsEmpty());
}

TEST(Cudnn, scalars_come_from_host_memory_at_the_call) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                float scale = 3.0f;
                float* const out = gpu.allocate<float>(2);
                cudnn.run({pointwise(CUDNN_POINTWISE_MUL, rows(3, 1, 2), rows(1, 1, 2),
                                     rows(2, 1, 1, Where::by_value))},
                          {{1, gpu.upload<float>({1, 2})}, {2, &scale}, {3, out}});
                scale = 0.0f;
                EXPECT_THAT(gpu.download(out, 2), ElementsAre(3, 6));
              }),
              IsEmpty());
}

TEST(Cudnn, every_pointwise_mode_computes_what_it_is_called) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                const std::map<cudnnPointwiseMode_t, float> of_2_and_3 = {
                    {CUDNN_POINTWISE_ADD, 5.0f},
                    {CUDNN_POINTWISE_SUB, -1.0f},
                    {CUDNN_POINTWISE_MUL, 6.0f},
                    {CUDNN_POINTWISE_DIV, 2.0f / 3.0f},
                    {CUDNN_POINTWISE_MAX, 3.0f}};
                for (const auto& [mode, expected] : of_2_and_3) {
                  float* const out = gpu.allocate<float>(1);
                  cudnn.run({pointwise(mode, rows(3, 1, 1), rows(1, 1, 1), rows(2, 1, 1))},
                            {{1, gpu.upload<float>({2})}, {2, gpu.upload<float>({3})}, {3, out}});
                  EXPECT_FLOAT_EQ(gpu.download(out, 1)[0], expected);
                }
                const std::map<cudnnPointwiseMode_t, float> of_2 = {
                    {CUDNN_POINTWISE_EXP, std::exp(2.0f)},
                    {CUDNN_POINTWISE_LOG, std::log(2.0f)},
                    {CUDNN_POINTWISE_IDENTITY, 2.0f}};
                for (const auto& [mode, expected] : of_2) {
                  float* const out = gpu.allocate<float>(1);
                  cudnn.run({pointwise(mode, rows(3, 1, 1), rows(1, 1, 1))},
                            {{1, gpu.upload<float>({2})}, {3, out}});
                  EXPECT_FLOAT_EQ(gpu.download(out, 1)[0], expected);
                }
              }),
              IsEmpty());
}

TEST(Cudnn, causal_mask_is_made_of_indices) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                const auto inside = [](int64_t uid, cudnnDataType_t dtype) {
                  return tensor(uid, dtype, {1, 1, 2, 2}, {4, 4, 2, 1}, Where::inside);
                };
                const Descriptor x = rows(1, 2, 2), row = inside(11, CUDNN_DATA_INT32),
                                 col = inside(12, CUDNN_DATA_INT32),
                                 seen = inside(13, CUDNN_DATA_BOOLEAN);
                float masked = -kInfinity;
                float* const out = gpu.allocate<float>(4);
                // Given in reverse: the order of a graph's operations is cuDNN's to find.
                cudnn.run({pointwise(CUDNN_POINTWISE_BINARY_SELECT, rows(3, 2, 2), x,
                                     rows(2, 1, 1, Where::by_value), seen),
                           pointwise(CUDNN_POINTWISE_CMP_GE, seen, row, col),
                           index_along(3, col, x), index_along(2, row, x)},
                          {{1, gpu.upload<float>({1, 2, 3, 4})}, {2, &masked}, {3, out}});
                EXPECT_THAT(gpu.download(out, 4), ElementsAre(1, -kInfinity, 3, 4));
              }),
              IsEmpty());
}

TEST(Cudnn, integers_in_memory_are_compared_with_indices) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                const Descriptor x = rows(1, 2, 2);
                const Descriptor first = tensor(4, CUDNN_DATA_INT32, {1, 1, 2, 1}, {2, 2, 1, 1});
                const Descriptor col =
                    tensor(12, CUDNN_DATA_INT32, {1, 1, 2, 2}, {4, 4, 2, 1}, Where::inside);
                const Descriptor seen =
                    tensor(13, CUDNN_DATA_BOOLEAN, {1, 1, 2, 2}, {4, 4, 2, 1}, Where::inside);
                float masked = -kInfinity;
                float* const out = gpu.allocate<float>(4);
                cudnn.run(
                    {index_along(3, col, x), pointwise(CUDNN_POINTWISE_CMP_GE, seen, col, first),
                     pointwise(CUDNN_POINTWISE_BINARY_SELECT, rows(3, 2, 2), x,
                               rows(2, 1, 1, Where::by_value), seen)},
                    {{1, gpu.upload<float>({1, 2, 3, 4})},
                     {2, &masked},
                     {3, out},
                     {4, gpu.upload<int32_t>({0, 1})}});
                EXPECT_THAT(gpu.download(out, 4), ElementsAre(1, 2, -kInfinity, 4));
              }),
              IsEmpty());
}

TEST(Cudnn, matmul_shares_a_head_of_b_among_neighbouring_heads_of_a) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                // Heads 0 and 1 of a use head 0 of b, heads 2 and 3 use head 1; 1 x 2 times 2 x 1
                // each.
                const Descriptor a = tensor(1, CUDNN_DATA_FLOAT, {1, 4, 1, 2}, {8, 2, 2, 1});
                const Descriptor b = tensor(2, CUDNN_DATA_FLOAT, {1, 2, 2, 1}, {4, 2, 1, 1});
                const Descriptor c = tensor(3, CUDNN_DATA_FLOAT, {1, 4, 1, 1}, {4, 1, 1, 1});
                float* const out = gpu.allocate<float>(4);
                cudnn.run({finalised(unfinished_matmul(c, a, b))},
                          {{1, gpu.upload<float>({1, 2, 3, 4, 5, 6, 7, 8})},
                           {2, gpu.upload<float>({1, 10, 100, 1000})},
                           {3, out}});
                EXPECT_THAT(gpu.download(out, 4), ElementsAre(21, 43, 6500, 8700));
              }),
              IsEmpty());
}

TEST(Cudnn, matmul_reads_transposed_strides_and_rounds_to_bf16) {
  EXPECT_THAT(
      run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
        const Descriptor a = tensor(1, CUDNN_DATA_BFLOAT16, {1, 1, 2, 2}, {4, 4, 1, 2});
        const Descriptor b = tensor(2, CUDNN_DATA_BFLOAT16, {1, 1, 2, 1}, {2, 2, 1, 1});
        const Descriptor c = tensor(3, CUDNN_DATA_BFLOAT16, {1, 1, 2, 1}, {2, 2, 1, 1});
        __nv_bfloat16* const out = gpu.allocate<__nv_bfloat16>(2);
        cudnn.run(
            {finalised(unfinished_matmul(c, a, b))},
            {{1, gpu.upload(to_bf16({256, 2, 1, 4}))}, {2, gpu.upload(to_bf16({1, 1}))}, {3, out}});
        // 257 lies between 256 and 258 and goes to the even mantissa.
        EXPECT_THAT(to_f32(gpu.download(out, 2)), ElementsAre(256, 6));
      }),
      IsEmpty());
}

TEST(Cudnn, reduction_sums_rows_and_groups_of_heads) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                float* const largest = gpu.allocate<float>(2);
                cudnn.run({reduction(CUDNN_REDUCE_TENSOR_MAX, rows(2, 2, 1), rows(1, 2, 3))},
                          {{1, gpu.upload<float>({1, 5, 2, -3, -1, -2})}, {2, largest}});
                EXPECT_THAT(gpu.download(largest, 2), ElementsAre(5, -1));
                const Descriptor heads = tensor(1, CUDNN_DATA_FLOAT, {1, 4, 1, 1}, {4, 1, 1, 1});
                const Descriptor groups = tensor(2, CUDNN_DATA_FLOAT, {1, 2, 1, 1}, {2, 1, 1, 1});
                float* const sums = gpu.allocate<float>(2);
                cudnn.run({reduction(CUDNN_REDUCE_TENSOR_ADD, groups, heads)},
                          {{1, gpu.upload<float>({1, 2, 3, 4})}, {2, sums}});
                EXPECT_THAT(gpu.download(sums, 2), ElementsAre(3, 7));
              }),
              IsEmpty());
}

TEST(Cudnn, reshape_reads_the_same_memory_in_another_order) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                const Descriptor in = rows(1, 2, 3);
                const Descriptor transposed =
                    tensor(2, CUDNN_DATA_FLOAT, {1, 1, 3, 2}, {6, 6, 1, 3}, Where::inside);
                float* const out = gpu.allocate<float>(6);
                cudnn.run({finalised(unfinished_reshape(transposed, in)),
                           pointwise(CUDNN_POINTWISE_IDENTITY, rows(3, 3, 2), transposed)},
                          {{1, gpu.upload<float>({1, 2, 3, 4, 5, 6})}, {3, out}});
                EXPECT_THAT(gpu.download(out, 6), ElementsAre(1, 4, 2, 5, 3, 6));
              }),
              IsEmpty());
}

TEST(Cudnn, output_between_other_data_leaves_it_alone) {
  EXPECT_THAT(
      run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
        const Descriptor columns = tensor(2, CUDNN_DATA_FLOAT, {1, 1, 2, 4}, {16, 16, 8, 1});
        float* const out = gpu.upload<float>(std::vector<float>(16, 7.0f));
        cudnn.run({pointwise(CUDNN_POINTWISE_IDENTITY, columns, rows(1, 2, 4))},
                  {{1, gpu.upload<float>({1, 2, 3, 4, 5, 6, 7, 8})}, {2, out + 4}});
        EXPECT_THAT(gpu.download(out, 16),
                    ElementsAre(7, 7, 7, 7, 1, 2, 3, 4, 7, 7, 7, 7, 5, 6, 7, 8));
      }),
      IsEmpty());
}

TEST(Cudnn, stretches_join_what_lies_together) {
  // Keys of 2 sequences of 3 tokens in rows of 10 elements: 2 heads of 2 elements side by side.
  const GraphTensor keys{
      .uid = 1, .dtype = CUDNN_DATA_BFLOAT16, .dims = {2, 2, 3, 2}, .strides = {30, 2, 10, 1}};
  const std::vector<Stretch> found = stretches(keys);
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(found[0].bytes, 8);
  EXPECT_EQ(found[1].begin_bytes, 20);
  EXPECT_EQ(found[5].begin_bytes, 100);
}

/// Findings of an identity of two rows; `spoil` changes the memory that it is given.
std::string findings_of_pack(
    const std::function<void(std::map<int64_t, void*>&, TestGpu&)>& spoil) {
  return run_cudnn([&](Cudnn& cudnn, TestGpu& gpu) {
    std::map<int64_t, void*> memory = {{1, gpu.upload(std::vector<float>(64))},
                                       {2, gpu.allocate<float>(64)}};
    spoil(memory, gpu);
    EXPECT_NE(
        cudnn.run({pointwise(CUDNN_POINTWISE_IDENTITY, rows(2, 2, 4), rows(1, 2, 4))}, memory),
        CUDNN_STATUS_SUCCESS);
  });
}

TEST(Cudnn, missing_tensor_is_found) {
  EXPECT_THAT(findings_of_pack([](auto& memory, TestGpu&) { memory.erase(2); }),
              HasSubstr("tensor 2 [1, 1, 2, 4] is missing"));
}

TEST(Cudnn, tensor_too_many_is_found) {
  EXPECT_THAT(findings_of_pack([](auto& memory, TestGpu&) { memory[9] = memory[1]; }),
              HasSubstr("id 9 is not one of the graph's inputs and outputs"));
}

TEST(Cudnn, misaligned_tensor_is_found) {
  EXPECT_THAT(findings_of_pack(
                  [](auto& memory, TestGpu&) { memory[1] = static_cast<float*>(memory[1]) + 1; }),
              HasSubstr("is not aligned to 16 bytes"));
}

TEST(Cudnn, output_over_an_input_is_found) {
  EXPECT_THAT(findings_of_pack(
                  [](auto& memory, TestGpu&) { memory[2] = static_cast<float*>(memory[1]) + 4; }),
              HasSubstr("an output overlaps other memory"));
}

TEST(Cudnn, missing_workspace_is_found) {
  EXPECT_THAT(
      run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
        float* const data = gpu.allocate<float>(64);
        const Descriptor plan = plan_of(
            cudnn.handle, {pointwise(CUDNN_POINTWISE_IDENTITY, rows(2, 2, 4), rows(1, 2, 4))});
        EXPECT_EQ(
            cudnnBackendExecute(cudnn.handle, plan,
                                finalised(unfinished_pack({{1, data}, {2, data + 32}}, nullptr))),
            CUDNN_STATUS_BAD_PARAM);
      }),
      HasSubstr("workspace at"));
}

TEST(Cudnn, memory_beyond_an_allocation_is_found) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu& gpu) {
                cudnn.run({pointwise(CUDNN_POINTWISE_IDENTITY, rows(2, 2, 64), rows(1, 2, 64))},
                          {{1, gpu.upload(std::vector<float>(128))}, {2, gpu.allocate<float>(4)}});
              }),
              HasSubstr("cudnnBackendExecute"));
}

TEST(Cudnn, plan_tells_its_kernel_in_json) {
  EXPECT_THAT(run_cudnn([](Cudnn& cudnn, TestGpu&) {
                const Descriptor plan = plan_of(
                    cudnn.handle, {pointwise(CUDNN_POINTWISE_EXP, rows(2, 2, 4), rows(1, 2, 4))});
                int64_t size = 0;
                cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                         CUDNN_TYPE_CHAR, 0, &size, nullptr);
                std::string text(static_cast<std::size_t>(size), '\0');
                cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                         CUDNN_TYPE_CHAR, size, &size, text.data());
                EXPECT_THAT(text, HasSubstr("emulated_flash_graph_of_1_operations"));
              }),
              IsEmpty());
}

/// Findings of a body that only makes descriptors; `status` is what its last call must return.
std::string findings_of(cudnnStatus_t status, const std::function<cudnnStatus_t()>& body) {
  return run_and_find(1, [&](TestGpu&, int) { EXPECT_EQ(body(), status); });
}

TEST(Cudnn, unset_attribute_is_found) {
  EXPECT_THAT(
      findings_of(CUDNN_STATUS_BAD_PARAM,
                  [] { return cudnnBackendFinalize(make(CUDNN_BACKEND_TENSOR_DESCRIPTOR)); }),
      HasSubstr("descriptor type 17, attribute 906: was not set"));
}

TEST(Cudnn, unknown_attribute_is_found) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_NOT_SUPPORTED,
                          [] {
                            return set<int64_t>(make(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
                                                CUDNN_ATTR_TENSOR_VECTOR_COUNT, CUDNN_TYPE_INT64,
                                                {1});
                          }),
              HasSubstr("attribute 904: is not emulated"));
}

TEST(Cudnn, attribute_of_another_type_or_count_is_found) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
                          [] {
                            return set<int32_t>(make(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
                                                CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT32, {1});
                          }),
              HasSubstr("has type 3, not 23"));
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM,
                          [] {
                            return set<int64_t>(make(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
                                                CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64,
                                                {1, 2});
                          }),
              HasSubstr("2 elements, at most 1"));
}

TEST(Cudnn, change_after_finalize_is_found) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM,
                          [] {
                            return set<int64_t>(rows(1, 2, 2), CUDNN_ATTR_TENSOR_UNIQUE_ID,
                                                CUDNN_TYPE_INT64, {2});
                          }),
              HasSubstr("the descriptor is finalised"));
}

TEST(Cudnn, unfinished_and_destroyed_parts_are_found) {
  const auto use = [](Descriptor x) {
    return set<Descriptor>(make(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR),
                           CUDNN_ATTR_OPERATION_RESHAPE_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, {x});
  };
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                          [&] { return use(make(CUDNN_BACKEND_TENSOR_DESCRIPTOR)); }),
              HasSubstr("not finalised"));
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM,
                          [&] {
                            const Descriptor x = rows(1, 2, 2);
                            cudnnBackendDestroyDescriptor(x);
                            return use(x);
                          }),
              HasSubstr("backend descriptor was destroyed before"));
}

TEST(Cudnn, shapes_that_do_not_fit_are_refused) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                          [] {
                            return cudnnBackendFinalize(
                                unfinished_matmul(rows(3, 2, 2), rows(1, 2, 3), rows(2, 2, 2)));
                          }),
              HasSubstr("tensor 1 [1, 1, 2, 3] times tensor 2 [1, 1, 2, 2]"));
  EXPECT_THAT(
      findings_of(
          CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
          [] { return cudnnBackendFinalize(unfinished_reshape(rows(2, 3, 2), rows(1, 2, 3))); }),
      HasSubstr("with dimensions in another order"));
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                          [] {
                            return cudnnBackendFinalize(
                                unfinished_pointwise(finalised(pointwise_mode(CUDNN_POINTWISE_ADD)),
                                                     rows(3, 2, 2), rows(1, 2, 2)));
                          }),
              HasSubstr("pointwise mode 0 takes 2 operands, not 1"));
}

TEST(Cudnn, pointwise_modes_that_are_not_emulated_are_refused) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_NOT_SUPPORTED,
                          [] { return cudnnBackendFinalize(pointwise_mode(CUDNN_POINTWISE_TAN)); }),
              HasSubstr("pointwise mode 19 is not emulated"));
}

TEST(Cudnn, elements_that_share_memory_are_refused) {
  EXPECT_THAT(findings_of(CUDNN_STATUS_BAD_PARAM,
                          [] {
                            return cudnnBackendFinalize(
                                unfinished_tensor(1, CUDNN_DATA_FLOAT, {1, 1, 2, 3}, {6, 6, 2, 1}));
                          }),
              HasSubstr("elements that share memory"));
}

/// Findings of a graph that cannot be.
std::string findings_of_graph(const std::function<std::vector<Descriptor>()>& ops) {
  return run_cudnn([&](Cudnn& cudnn, TestGpu&) {
    EXPECT_EQ(cudnnBackendFinalize(graph_of(cudnn.handle, ops())), CUDNN_STATUS_BAD_PARAM);
  });
}

TEST(Cudnn, graphs_with_unmade_or_twice_made_tensors_are_refused) {
  EXPECT_THAT(findings_of_graph([] {
                return std::vector{
                    pointwise(CUDNN_POINTWISE_EXP, rows(2, 2, 2), rows(1, 2, 2, Where::inside))};
              }),
              HasSubstr("tensor 1 [1, 1, 2, 2] is virtual and no operation makes it"));
  EXPECT_THAT(findings_of_graph([] {
                const Descriptor out = rows(2, 2, 2), in = rows(1, 2, 2);
                return std::vector{pointwise(CUDNN_POINTWISE_EXP, out, in),
                                   pointwise(CUDNN_POINTWISE_LOG, out, in)};
              }),
              HasSubstr("is made twice"));
  EXPECT_THAT(findings_of_graph([] {
                return std::vector{pointwise(CUDNN_POINTWISE_EXP, rows(2, 2, 2), rows(1, 2, 2)),
                                   pointwise(CUDNN_POINTWISE_EXP, rows(3, 2, 4), rows(2, 2, 4))};
              }),
              HasSubstr("two different tensors have id 2"));
}

}  // namespace
}  // namespace isoflop::emulation
