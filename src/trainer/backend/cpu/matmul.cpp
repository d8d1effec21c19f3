// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/matmul.hpp"

#include "trainer/backend/cpu/converted_matmul.hpp"

#include <dnnl.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

namespace isoflop {
namespace {

dnnl::memory::data_type library_type(DType type) {
  switch (type) {
    case DType::f32:
      return dnnl::memory::data_type::f32;
    case DType::bf16:
      return dnnl::memory::data_type::bf16;
    case DType::f16:
      return dnnl::memory::data_type::f16;
    case DType::f64:
    case DType::i64:
    case DType::i32:
      break;
  }
  throw std::logic_error(fmt::format("no matrix products of {}", to_string(type)));
}

dnnl::memory::desc describe(int64_t rows, int64_t cols, const MatrixLayout& layout) {
  return {{rows, cols}, library_type(layout.dtype), {layout.row_stride, layout.col_stride}};
}

/// Descriptions of the operands by oneDNN's names.
std::unordered_map<int, dnnl::memory::desc> describe_operands(const CpuMatmulShape& s) {
  std::unordered_map<int, dnnl::memory::desc> result = {{DNNL_ARG_SRC, describe(s.M, s.K, s.a)},
                                                        {DNNL_ARG_WEIGHTS, describe(s.K, s.N, s.b)},
                                                        {DNNL_ARG_DST, describe(s.M, s.N, s.c)}};
  if (s.bias) result[DNNL_ARG_BIAS] = describe(1, s.N, {s.N, 1, *s.bias});
  return result;
}

dnnl::primitive_attr attributes(const CpuMatmulShape& shape) {
  dnnl::primitive_attr attr;
  if (shape.accumulate == Accumulate::yes) {
    dnnl::post_ops post;
    post.append_sum(1.0f);
    attr.set_post_ops(post);
  }
  return attr;
}

dnnl::matmul::desc describe_product(const CpuMatmulShape& s) {
  auto operands = describe_operands(s);
  const auto &a = operands[DNNL_ARG_SRC], &b = operands[DNNL_ARG_WEIGHTS],
             &c = operands[DNNL_ARG_DST];
  return s.bias ? dnnl::matmul::desc(a, b, operands[DNNL_ARG_BIAS], c)
                : dnnl::matmul::desc(a, b, c);
}

bool is_implemented_as(const dnnl::matmul::primitive_desc& desc, std::string_view prefix) {
  return std::string_view(desc.impl_info_str()).starts_with(prefix);
}

/// oneDNN lists its implementations, the best first in its view: with AVX-512 "brg". Where rows of
/// b are read as they lie and sums stay f32 (gradients of weights; in f32 of activations too),
/// "gemm" is faster: PERF.md.
dnnl::matmul::primitive_desc choose_implementation(const CpuMatmulShape& s,
                                                   const dnnl::engine& engine) {
  const dnnl::matmul::desc product = describe_product(s);  // next_impl() refers to it
  const dnnl::matmul::primitive_desc first(product, attributes(s), engine);
  if (s.b.col_stride != 1 || s.c.dtype != DType::f32) return first;
  dnnl::matmul::primitive_desc next = first;
  do {
    if (is_implemented_as(next, "gemm")) return next;
  } while (next.next_impl());
  return first;
}

bool is_all_f32(const CpuMatmulShape& s) {
  return s.a.dtype == DType::f32 && s.b.dtype == DType::f32 && s.c.dtype == DType::f32 &&
         s.bias.value_or(DType::f32) == DType::f32;
}

/// oneDNN emulates bf16 products on AVX-512 without bf16 instructions, at a third of the speed of
/// f32 products of converted operands (PERF.md).
bool has_bf16_instructions() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto needed = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & needed) == needed;
}

/// A product of the library with its operands' memory objects, or (no primitive) one that is
/// converted.
struct Plan {
  dnnl::matmul primitive;
  std::unordered_map<int, dnnl::memory> operands;

  bool is_converted() const { return !primitive; }
};

/// 2-byte types that the library refuses, emulates, or has only plain loops for ("ref") are
/// converted.
Plan make_plan(const CpuMatmulShape& s, const dnnl::engine& engine) try {
  if (!is_all_f32(s) && !has_bf16_instructions()) return {};
  const dnnl::matmul::primitive_desc planned = choose_implementation(s, engine);
  if (!is_all_f32(s) && is_implemented_as(planned, "ref")) return {};
  Plan plan{dnnl::matmul(planned), {}};
  for (const auto& [name, desc] : describe_operands(s))
    plan.operands.emplace(name, dnnl::memory(desc, engine, DNNL_MEMORY_NONE));
  return plan;
} catch (const dnnl::error& error) {
  if (!is_all_f32(s)) return {};
  throw std::runtime_error(fmt::format("oneDNN refuses the product ({} x {}) ({} x {}): {}", s.M,
                                       s.K, s.K, s.N, error.what()));
}

}  // namespace

struct MatmulCache::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<CpuMatmulShape, Plan> plans;

  Plan& plan_for(const CpuMatmulShape& shape) {
    const auto found = plans.find(shape);
    return found != plans.end() ? found->second
                                : plans.emplace(shape, make_plan(shape, engine)).first->second;
  }

  /// Throws std::logic_error for one whose caller cannot know what scratch it takes.
  Plan& known_plan(const CpuMatmulShape& s) {
    const auto found = plans.find(s);
    if (found != plans.end()) return found->second;
    throw std::logic_error(
        fmt::format("nobody asked what scratch the {} product ({} x {}) ({} x {}) takes",
                    to_string(s.a.dtype), s.M, s.K, s.K, s.N));
  }

  void execute(Plan& plan, const CpuMatmulOperands& operands) {
    const auto set = [&](int name, const void* address) {
      const auto operand = plan.operands.find(name);
      if (operand != plan.operands.end())
        operand->second.set_data_handle(const_cast<void*>(address));
    };
    set(DNNL_ARG_SRC, operands.a);
    set(DNNL_ARG_WEIGHTS, operands.b);
    set(DNNL_ARG_DST, operands.c);
    set(DNNL_ARG_BIAS, operands.bias);
    plan.primitive.execute(stream, plan.operands);
    stream.wait();
  }
};

MatmulCache::MatmulCache() : impl_(std::make_unique<Impl>()) {}
MatmulCache::~MatmulCache() = default;

int64_t MatmulCache::scratch_floats(const CpuMatmulShape& shape) {
  return impl_->plan_for(shape).is_converted() ? converted_matmul_scratch_floats(shape) : 0;
}

void MatmulCache::run(const CpuMatmulShape& shape, const CpuMatmulOperands& operands) {
  Plan& plan = is_all_f32(shape) ? impl_->plan_for(shape) : impl_->known_plan(shape);
  if (plan.is_converted())
    run_converted_matmul(*this, shape, operands);
  else
    impl_->execute(plan, operands);
}

float* product_scratch(MatmulCache& products, Arena& arena,
                       std::initializer_list<CpuMatmulShape> shapes) {
  int64_t n = 0;
  for (const CpuMatmulShape& shape : shapes) n = std::max(n, products.scratch_floats(shape));
  return n == 0 ? nullptr : arena.allocate(DType::f32, {n}).as<float>();
}

std::string matmul_library() {
  const dnnl_version_t& version = *dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", version.major, version.minor, version.patch);
}

}  // namespace isoflop
