// SPDX-License-Identifier: MIT
#include "emulation/fibre.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop::emulation {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

std::string message_in_flight() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST(Fibre, goes_on_where_it_suspended) {
  Fibre fibre(kStackBytes);
  std::string order;
  fibre.start([&] {
    order += "b";
    Fibre::suspend();
    order += "d";
  });
  order += "a";
  fibre.resume();
  EXPECT_FALSE(fibre.ended());
  order += "c";
  fibre.resume();
  EXPECT_TRUE(fibre.ended());
  EXPECT_EQ(order, "abcd");
}

TEST(Fibre, nests_and_suspends_the_innermost) {
  Fibre outer(kStackBytes);
  Fibre inner(kStackBytes);
  std::string order;
  inner.start([&] {
    EXPECT_EQ(Fibre::current(), &inner);
    order += "i";
    Fibre::suspend();
    order += "I";
  });
  outer.start([&] {
    inner.resume();
    EXPECT_EQ(Fibre::current(), &outer);
    order += "o";
    Fibre::suspend();
    inner.resume();
    order += "O";
  });
  outer.resume();
  EXPECT_EQ(Fibre::current(), nullptr);
  EXPECT_EQ(order, "io");
  outer.resume();
  EXPECT_EQ(order, "ioIO");
}

TEST(Fibre, may_be_resumed_by_another_than_before) {
  Fibre inner(kStackBytes);
  Fibre first(kStackBytes);
  Fibre second(kStackBytes);
  int turns = 0;
  inner.start([&] {
    for (; turns < 2; ++turns) Fibre::suspend();
  });
  first.start([&] { inner.resume(); });
  second.start([&] { inner.resume(); });
  first.resume();
  second.resume();
  inner.resume();
  EXPECT_TRUE(inner.ended());
  EXPECT_EQ(turns, 2);
}

TEST(Fibre, takes_a_new_function_after_the_end_of_one) {
  Fibre fibre(kStackBytes);
  int sum = 0;
  for (int i = 1; i <= 3; ++i) {
    fibre.start([&sum, i] { sum += i; });
    fibre.resume();
    ASSERT_TRUE(fibre.ended());
  }
  EXPECT_EQ(sum, 6);
}

TEST(Fibre, reuses_the_stack_of_a_fibre_that_was_dropped_in_the_middle) {
  const std::byte* stack = nullptr;
  {
    Fibre dropped(kStackBytes);
    stack = dropped.stack().data();
    dropped.start([] {
      [[maybe_unused]] volatile char frame[1000] = {};
      Fibre::suspend();
    });
    dropped.resume();
  }
  Fibre next(kStackBytes);
  EXPECT_EQ(next.stack().data(), stack);
  int filled = 0;
  next.start([&] {
    volatile char frame[20000];
    for (volatile char& byte : frame) byte = 1;
    filled = frame[0] + frame[19999];
  });
  next.resume();
  EXPECT_EQ(filled, 2);
}

TEST(Fibre, handles_its_own_exceptions) {
  Fibre fibre(kStackBytes);
  std::string caught;
  fibre.start([&] {
    try {
      Fibre::suspend();
      throw std::runtime_error("inside");
    } catch (const std::exception& error) {
      caught = error.what();
    }
  });
  fibre.resume();
  fibre.resume();
  EXPECT_EQ(caught, "inside");
}

TEST(Fibre, suspends_in_a_catch_block_while_others_throw_and_catch) {
  std::vector<std::string> seen(2);
  Fibre one(kStackBytes);
  Fibre two(kStackBytes);
  const auto handle = [&seen](std::size_t i, const char* message) {
    try {
      throw std::runtime_error(message);
    } catch (const std::exception&) {
      Fibre::suspend();
      seen[i] = message_in_flight();
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  };
  one.start([&] { handle(0, "one"); });
  two.start([&] { handle(1, "two"); });
  one.resume();
  EXPECT_EQ(std::current_exception(), nullptr) << "its exception is not ours";
  two.resume();
  one.resume();
  two.resume();
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "two"}));
}

/// Suspends in its destructor.
struct SuspendsAtEnd {
  int& uncaught;
  ~SuspendsAtEnd() {
    Fibre::suspend();
    uncaught = std::uncaught_exceptions();
  }
};

TEST(Fibre, suspends_while_the_stack_unwinds) {
  Fibre fibre(kStackBytes);
  int uncaught = 0;
  bool caught = false;
  fibre.start([&] {
    try {
      const SuspendsAtEnd guard{uncaught};
      throw std::runtime_error("unwinds");
    } catch (const std::exception&) {
      caught = true;
    }
  });
  fibre.resume();
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  EXPECT_FALSE(caught);
  fibre.resume();
  EXPECT_EQ(uncaught, 1);
  EXPECT_TRUE(caught);
}

TEST(FibreDeathTest, overflow_of_its_stack_hits_the_guard_page) {
  Fibre fibre(kStackBytes);
  fibre.start([&fibre] {
    auto* below = const_cast<std::byte*>(fibre.stack().data()) - 1;
    *static_cast<volatile std::byte*>(below) = std::byte{1};
  });
  EXPECT_DEATH(fibre.resume(), "");
}

TEST(FibreDeathTest, an_exception_that_leaves_it_ends_the_program) {
  Fibre fibre(kStackBytes);
  fibre.start([] { throw std::runtime_error("leaves"); });
  EXPECT_DEATH(fibre.resume(), "");
}

}  // namespace
}  // namespace isoflop::emulation
