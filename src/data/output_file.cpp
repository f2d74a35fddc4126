#include "data/output_file.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <unistd.h>
#include <xxhash.h>

#include "core/error.h"
#include "core/file_error.h"

namespace pgan::data {
std::string hex16(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

struct OutputFile::State {
  std::filesystem::path path;
  std::FILE* file = nullptr;
  XXH3_state_t* hash = XXH3_createState();
  ~State() {
    if (file != nullptr) std::fclose(file);
    XXH3_freeState(hash);
  }
  [[noreturn]] void fail() const { throw_file_error("cannot write", path, errno); }
};

OutputFile::OutputFile(const std::filesystem::path& file) : state_(std::make_unique<State>()) {
  state_->path = file;
  state_->file = std::fopen(file.c_str(), "wb");
  if (state_->file == nullptr) state_->fail();
  XXH3_64bits_reset(state_->hash);
}

OutputFile::~OutputFile() = default;
OutputFile::OutputFile(OutputFile&&) noexcept = default;

void OutputFile::write(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), state_->file) != bytes.size()) state_->fail();
  XXH3_64bits_update(state_->hash, bytes.data(), bytes.size());
  bytes_ += bytes.size();
}

std::string OutputFile::finish(bool durable) {
  bool good = std::fflush(state_->file) == 0;
  if (durable) good = good && ::fdatasync(::fileno(state_->file)) == 0;
  const int why = good ? 0 : errno;
  good = std::fclose(std::exchange(state_->file, nullptr)) == 0 && good;
  if (!good) {
    if (why != 0) errno = why;
    state_->fail();
  }
  return hex16(XXH3_64bits_digest(state_->hash));
}

void replace_file(const std::filesystem::path& file, std::span<const std::uint8_t> bytes,
                  bool durable) {
  const std::filesystem::path partial = file.string() + ".partial-" + std::to_string(::getpid());
  std::error_code error;
  try {
    OutputFile out(partial);
    out.write(bytes);
    out.finish(durable);
  } catch (const Error&) {
    std::filesystem::remove(partial, error);
    throw;
  }
  std::filesystem::rename(partial, file, error);
  if (error) throw DataError(file.string() + ": cannot be written: " + error.message());
}

std::uint64_t xxh3(std::span<const std::uint8_t> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string xxh3_text(std::span<const std::uint8_t> bytes) {
  return hex16(xxh3(bytes));
}

}  // namespace pgan::data
