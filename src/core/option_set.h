#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"

namespace pgan {

/// Values as typed by the user, by option name. Merge with apply order: preset, config, command
/// line. A list's text is its entries joined by '\n', "" the empty list; merged as any other value,
/// so that a list given later replaces an earlier one whole.
using OptionValues = std::map<std::string, std::string>;

/// Every option of a program, gathered by one visitor function.
///
/// Parsing is Boost.Program_options' with exact names only. Unknown names, missing values and
/// values of the wrong type throw ConfigError with the nearest known name. Not collective: in a
/// parallel program rank 0 resolves and broadcasts (apps/cli.h).
class OptionSet {
 public:
  using Visit = std::function<void(OptionVisitor&)>;

  /// visit: calls visit() of each options struct; its references must outlive this object.
  /// positional: names of options that may be given without their name, in order.
  explicit OptionSet(Visit visit, std::vector<std::string> positional = {});

  /// Each occurrence of a list appends an entry; any other option given twice throws ConfigError,
  /// as do entries with a line break and empty ones among others.
  OptionValues parse_command_line(std::span<const std::string> arguments) const;
  /// INI file: `name = value` lines, # comments. Lines of a list append, of any other option the
  /// last counts. Throws ConfigError (unreadable, unknown key, empty entry among others).
  OptionValues parse_config(const std::filesystem::path& file) const;
  /// One option's first value in an INI file whose other names are not known; "" without it. Throws
  /// ConfigError.
  static std::string value_in_config(const std::filesystem::path& file, const std::string& name);
  /// Sets the visited fields that have a value. Throws ConfigError for a value of the wrong type.
  void assign(const OptionValues& values) const;
  /// Present values of all fields, in a form that assign() reads back exactly. Throws ConfigError
  /// for a list with an entry that is empty or has a line break.
  OptionValues values() const;
  /// The same as an INI text with one comment line an option and one line an entry of a list.
  std::string ini() const;
  /// Options grouped, with defaults (the present values; a list's joined by ", "), wrapped at 100
  /// columns. `VALUE...`: a list.
  std::string help() const;

 private:
  struct Entry;
  void check_known(const std::string& name, const std::string& where) const;
  Visit visit_;
  std::vector<std::string> positional_;
};

/// Text of a double that reads back exactly, the shortest such.
std::string exact_text(double value);

}  // namespace pgan
