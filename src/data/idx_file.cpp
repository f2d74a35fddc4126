#include "data/idx_file.h"

#include <algorithm>
#include <memory>

#include <zlib.h>

#include "core/error.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kMaxSide = 1024;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;
constexpr std::size_t kPiece = std::size_t{1} << 20;

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

struct CloseGz {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

/// A .gz file's bytes in order, fewer than asked for where it ends early.
class Unpacker {
 public:
  explicit Unpacker(const std::filesystem::path& file)
      : name_(printable(file.string())), file_(gzopen(file.c_str(), "rb")) {
    if (!file_) throw DataError(name_ + ": cannot be opened");
    gzbuffer(file_.get(), 1 << 17);
  }

  void append(std::size_t bytes, std::vector<std::uint8_t>& out) {
    // In pieces: what a header declares is no reason to allocate it.
    while (bytes > 0) {
      const std::size_t piece = std::min(bytes, kPiece), before = out.size();
      out.resize(before + piece);
      const int got = gzread(file_.get(), out.data() + before, static_cast<unsigned>(piece));
      out.resize(before + static_cast<std::size_t>(std::max(got, 0)));
      check();
      if (got < static_cast<int>(piece)) return;
      bytes -= piece;
    }
  }

 private:
  void check() {
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    // Z_BUF_ERROR: the file ends before its compressed data does.
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      throw DataError(name_ + ": damaged (" + printable(text) + "); get it anew");
    }
  }

  std::string name_;
  std::unique_ptr<gzFile_s, CloseGz> file_;
};

}  // namespace

IdxFile::IdxFile(const std::filesystem::path& file, int dims) : mapped_(file) {
  const std::string name = printable(file.string());
  const std::size_t header = 4 + 4 * static_cast<std::size_t>(dims);
  std::span<const std::uint8_t> bytes = mapped_.bytes();
  if (bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) {
    Unpacker unpacker(file);
    unpacker.append(header, unpacked_);
    parse_header(unpacked_, name, dims);
    // One byte more, so that the checksum behind the last item is read as well.
    unpacker.append(static_cast<std::size_t>(declared_ * height_ * width_) + 1, unpacked_);
    bytes = unpacked_;
  } else {
    parse_header(bytes, name, dims);
  }
  items_ = bytes.subspan(header);
  const auto whole =
      static_cast<std::int64_t>(items_.size()) / std::max<std::int64_t>(height_ * width_, 1);
  count_ = std::min(declared_, whole);
}

void IdxFile::parse_header(std::span<const std::uint8_t> header, const std::string& name,
                           int dims) {
  if (header.size() < 4 + 4 * static_cast<std::size_t>(dims)) {
    throw DataError(name + ": ends within its header; get it anew");
  }
  const std::uint32_t magic = big_endian(header, 0),
                      expected = 0x800u + static_cast<unsigned>(dims);
  if (magic != expected) {
    throw DataError(name + ": expected the magic number " + std::to_string(expected) + " of IDX " +
                    (dims == 1 ? "labels" : "images") + ", found " + std::to_string(magic));
  }
  declared_ = big_endian(header, 4);
  if (dims == 3) {
    height_ = big_endian(header, 8);
    width_ = big_endian(header, 12);
  }
  const bool sides = height_ >= 1 && width_ >= 1 && height_ <= kMaxSide && width_ <= kMaxSide;
  if (!sides || static_cast<std::uint64_t>(declared_) >
                    kMaxBytes / static_cast<std::uint64_t>(height_ * width_)) {
    throw DataError(name + ": declares " + std::to_string(declared_) + " items of " +
                    std::to_string(height_) + "x" + std::to_string(width_) +
                    ", expected sides from 1 to 1024 and 4 GiB at most");
  }
}

std::span<const std::uint8_t> IdxFile::item(std::int64_t i) const {
  const auto size = static_cast<std::size_t>(height_ * width_);
  return items_.subspan(static_cast<std::size_t>(i) * size, size);
}

}  // namespace pgan::data
