#include <cstring>

#include "data/chunk.h"
#include "data/output_file.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

/// The input is what lies behind the checksum, which is put right: a fuzzer would not find it.
void read_ledger(Bytes input) {
  static const Scratch folder;
  const std::uint64_t sum = data::xxh3(input);
  std::string file(sizeof sum, '\0');
  std::memcpy(file.data(), &sum, sizeof sum);
  file.append(input.begin(), input.end());
  const auto ledger = data::ChunkLedger::load(folder.put("ledger", file));
  if (!ledger) return;
  ledger->save(folder.path() / "again");
  require(data::ChunkLedger::load(folder.path() / "again").has_value(),
          "what was loaded can be saved and loaded");
}

}  // namespace pgan::fuzz
