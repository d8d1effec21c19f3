#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes unicode_ranges.cpp: the code points of \\p{L}, \\p{N} and \\s, from the Unicode character database.

usage: pip install unicodedata2==16.0.0 && python3 unicode_ranges.py > unicode_ranges.cpp && clang-format -i unicode_ranges.cpp
"""
import unicodedata2

# Property White_Space of PropList.txt; the library has general categories only. Unchanged since Unicode 6.3.
WHITE_SPACE = [(0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
               (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)]


def ranges_of(major_category):
    """Inclusive ranges of the code points whose general category starts with the letter given."""
    ranges = []
    for point in range(0x110000):
        if unicodedata2.category(chr(point))[0] != major_category:
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return ranges


def array(name, ranges):
    entries = ", ".join(f"{{0x{first:X}, 0x{last:X}}}" for first, last in ranges)
    return (f"constexpr CodePointRange {name}[] = {{{entries}}};\n")


print(f"""// SPDX-License-Identifier: MIT
// Written by unicode_ranges.py from Unicode {unicodedata2.unidata_version}; not edited by hand.
#include "core/tokenizer/unicode_ranges.hpp"

namespace isoflop {{
namespace {{
""")
print(array("kLetters", ranges_of("L")))
print(array("kNumbers", ranges_of("N")))
print(array("kSpaces", WHITE_SPACE))
print("""}  // namespace

std::span<const CodePointRange> letter_ranges() { return kLetters; }
std::span<const CodePointRange> number_ranges() { return kNumbers; }
std::span<const CodePointRange> space_ranges() { return kSpaces; }

}  // namespace isoflop""")
