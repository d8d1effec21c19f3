// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isoflop {

/// The message of the ConfigError that `body` throws; a test failure when it throws none.
template <typename Body>
std::string config_error_of(const Body& body) {
  try {
    body();
  } catch (const ConfigError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no ConfigError was thrown";
  return "";
}

}  // namespace isoflop
