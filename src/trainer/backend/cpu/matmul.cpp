// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/matmul.hpp"

#include <dnnl.hpp>
#include <fmt/format.h>

#include <array>
#include <map>
#include <stdexcept>
#include <unordered_map>

namespace isoflop {
namespace {

using Key = std::array<int64_t, 9>;

Key key_of(const CpuMatmulShape& s) {
  return {s.M,
          s.N,
          s.K,
          s.a.row_stride,
          s.a.col_stride,
          s.b.row_stride,
          s.b.col_stride,
          s.has_bias ? 1 : 0,
          s.accumulate == Accumulate::yes ? 1 : 0};
}

dnnl::memory::desc describe(int64_t rows, int64_t cols, const MatrixLayout& layout) {
  return {{rows, cols}, dnnl::memory::data_type::f32, {layout.row_stride, layout.col_stride}};
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

dnnl::matmul make_primitive(const CpuMatmulShape& s, const dnnl::engine& engine) {
  const auto a = describe(s.M, s.K, s.a), b = describe(s.K, s.N, s.b);
  const auto c = describe(s.M, s.N, {s.N, 1}), bias = describe(1, s.N, {s.N, 1});
  const auto desc = s.has_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
  return dnnl::matmul(dnnl::matmul::primitive_desc(desc, attributes(s), engine));
}

/// A planned product with its operands' memory objects, whose addresses change from call to call.
struct Plan {
  dnnl::matmul primitive;
  std::unordered_map<int, dnnl::memory> operands;
};

Plan make_plan(const CpuMatmulShape& s, const dnnl::engine& engine) try {
  const auto operand = [&](const dnnl::memory::desc& desc) {
    return dnnl::memory(desc, engine, DNNL_MEMORY_NONE);
  };
  Plan plan{make_primitive(s, engine), {}};
  plan.operands.emplace(DNNL_ARG_SRC, operand(describe(s.M, s.K, s.a)));
  plan.operands.emplace(DNNL_ARG_WEIGHTS, operand(describe(s.K, s.N, s.b)));
  plan.operands.emplace(DNNL_ARG_DST, operand(describe(s.M, s.N, {s.N, 1})));
  if (s.has_bias) plan.operands.emplace(DNNL_ARG_BIAS, operand(describe(1, s.N, {s.N, 1})));
  return plan;
} catch (const dnnl::error& error) {
  throw std::runtime_error(fmt::format("oneDNN refuses the product ({} x {}) ({} x {}): {}", s.M,
                                       s.K, s.K, s.N, error.what()));
}

}  // namespace

struct MatmulCache::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, Plan> plans;

  Plan& plan_for(const CpuMatmulShape& shape) {
    const Key key = key_of(shape);
    const auto found = plans.find(key);
    return found != plans.end() ? found->second
                                : plans.emplace(key, make_plan(shape, engine)).first->second;
  }
};

MatmulCache::MatmulCache() : impl_(std::make_unique<Impl>()) {}
MatmulCache::~MatmulCache() = default;

void MatmulCache::run(const CpuMatmulShape& shape, float* c, const float* a, const float* b,
                      const float* bias) {
  Plan& plan = impl_->plan_for(shape);
  plan.operands.at(DNNL_ARG_SRC).set_data_handle(const_cast<float*>(a));
  plan.operands.at(DNNL_ARG_WEIGHTS).set_data_handle(const_cast<float*>(b));
  plan.operands.at(DNNL_ARG_DST).set_data_handle(c);
  if (shape.has_bias) plan.operands.at(DNNL_ARG_BIAS).set_data_handle(const_cast<float*>(bias));
  plan.primitive.execute(impl_->stream, plan.operands);
  impl_->stream.wait();
}

}  // namespace isoflop
