// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

namespace isoflop {

inline constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

/// "124.4 M", "6.74 B", "512": counts of parameters and tokens, three significant digits, decimal
/// units.
std::string format_count(double count);
/// "1.50e18", for FLOPs.
std::string format_scientific(double value);
/// "12.4 GiB", "640 MiB", "17 B": binary units.
std::string format_bytes(double bytes);
template <std::integral Integer>
std::string format_bytes(Integer bytes) {
  return format_bytes(static_cast<double>(bytes));
}
/// "71 h 12 min", "4 min 3 s", "12.3 s", "840 ms", "3.1 us".
std::string format_duration(double seconds);
/// "1,234,567".
std::string format_grouped(int64_t value);
/// "41.2 %" from 0.412.
std::string format_percent(double fraction, int decimals = 1);
/// "HH:MM:SS" (or "D-HH:MM:SS" from one day on), rounded up to a whole second, as Slurm's --time
/// takes it.
std::string format_slurm_time(double seconds);
/// Now, as "2026-11-21T22:05:11Z".
std::string utc_timestamp();
/// The same of a Unix time.
std::string utc_timestamp(int64_t unix_s);

}  // namespace isoflop
