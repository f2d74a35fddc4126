#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>

#include "core/options.h"
#include "data/pack.h"

namespace pgan::data {

struct ExportOptions {
  std::int64_t resolution = 0;  ///< level to write; 0: the largest
  std::int64_t count = 0;       ///< records of each domain to write, from the first; 0: all
  std::int64_t threads = 0;     ///< 0: one a processor
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// Writes records of a pack as files into a new folder: images/00000000.png … (JPEG levels as they
/// are), or trainA/, trainB/, testA/ … where the pack has domains, or train/, test/ … with both
/// pictures of a pair side by side; labels.csv (file, split and one column a label), captions.csv
/// where there are captions, and names.jsonl with what the pictures were called. pgan-data pack
/// reads such a folder. Returns the records written. Throws ConfigError (the folder is in use),
/// DataError (damaged pictures, no space).
std::int64_t export_pack(const Pack& pack, const std::filesystem::path& out,
                         const ExportOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& report);

}  // namespace pgan::data
