#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgan {

/// Visits the fields of an options struct: once to parse, once for --help, once to write the
/// resolved configuration. A module keeps its options in a struct beside it:
///
///     struct LoaderOptions {
///       std::int64_t threads = 2;
///       void visit(OptionVisitor& v) { v.group("Loading"); v.field("loader-threads", threads,
///       "..."); } void validate() const;   // throws ConfigError
///     };
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  /// Heading of the following fields in --help.
  virtual void group(std::string_view title) = 0;
  /// name: as on the command line, without dashes. help: one sentence, with the unit.
  virtual void field(std::string_view name, std::int64_t& value, std::string_view help) = 0;
  virtual void field(std::string_view name, double& value, std::string_view help) = 0;
  virtual void field(std::string_view name, bool& value, std::string_view help) = 0;
  virtual void field(std::string_view name, std::string& value, std::string_view help) = 0;
  /// A list: the option may be given several times, an entry each time, in order. Entries are not
  /// empty and have no line break; `--name ""` is the empty list.
  virtual void field(std::string_view name, std::vector<std::string>& value,
                     std::string_view help) = 0;
};

}  // namespace pgan
