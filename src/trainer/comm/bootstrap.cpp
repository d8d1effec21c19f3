// SPDX-License-Identifier: MIT
#include "trainer/comm/bootstrap.hpp"

#include "core/base/error.hpp"
#include "trainer/comm/socket.hpp"

#include <fmt/format.h>

namespace isoflop {

Bootstrap parse_bootstrap(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const bool has_place = colon != std::string_view::npos;
  const std::string place(has_place ? text.substr(colon + 1) : "");
  if (kind == "mpi" && !has_place) return {BootstrapKind::mpi, ""};
  if (kind == "tcp" && (!has_place || parse_endpoint(place))) return {BootstrapKind::tcp, place};
  if (kind == "file" && (!has_place || !place.empty())) return {BootstrapKind::file, place};
  throw ConfigError(
      fmt::format("--bootstrap is '{}' (must be mpi, tcp, tcp:HOST:PORT, file or file:FOLDER); see "
                  "trainer --help",
                  text));
}

}  // namespace isoflop
