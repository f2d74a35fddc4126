#pragma once
#include <string>
#include <string_view>

namespace pgan::data {

/// A name from outside (a file, an archive's entry, a table's cell) as one line that a terminal
/// shows as it is: control and direction-changing characters, backslashes before x, and bytes that
/// are no UTF-8 become \xNN.
std::string printable(std::string_view name);

}  // namespace pgan::data
