#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/types.h"

namespace pgan::checkpoint {

class InputFile;

/// Name of a dtype in a safetensors header: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL.
/// Throws CheckpointError for any other dtype.
std::string_view dtype_name(torch::ScalarType dtype);
/// The reverse; nullopt for a name that is not in that list.
std::optional<torch::ScalarType> dtype_of(std::string_view name);

using Metadata = std::map<std::string, std::string>;

/// One tensor of a safetensors file. Its bytes lie at [begin, end) after the header, little-endian,
/// in row-major order.
struct SafetensorsEntry {
  std::string name;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Elements of a shape. Throws CheckpointError when a dimension is negative or the product
/// overflows.
std::int64_t element_count(std::span<const std::int64_t> shape, std::string_view where);

/// The bytes in front of the data: length, JSON, spaces up to a multiple of 8. Sets begin and end
/// of each entry: in the order given, without gaps.
std::string safetensors_header(std::vector<SafetensorsEntry>& entries, const Metadata& metadata);

/// Throws CheckpointError when a bool tensor's bytes hold other than 0 and 1, which would be
/// undefined behaviour for all who read it.
void check_bools(const SafetensorsEntry& entry, std::span<const std::byte> bytes,
                 const std::string& where);

/// A safetensors file, opened and checked: header length, JSON without repeated keys, known dtypes,
/// sizes that fit shapes, data without gap, overlap or excess. Throws CheckpointError naming the
/// file for all else. Reads with pread: safe from several threads.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& file);
  ~SafetensorsFile();

  /// In the order of their data.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  std::int64_t file_bytes() const { return file_bytes_; }
  /// XXH3-64 of all bytes in front of the data.
  std::uint64_t header_checksum() const { return header_checksum_; }

  /// Fills bytes from the entry's data, starting at its byte `offset`. Throws CheckpointError.
  void read(const SafetensorsEntry& entry, std::int64_t offset, std::span<std::byte> bytes) const;
  /// The whole tensor, contiguous, on the CPU. Throws CheckpointError.
  torch::Tensor read(const SafetensorsEntry& entry) const;

 private:
  void parse(std::string_view json, std::int64_t data_bytes);

  std::unique_ptr<InputFile> file_;
  std::int64_t file_bytes_ = 0;
  std::int64_t data_start_ = 0;
  std::uint64_t header_checksum_ = 0;
  std::vector<SafetensorsEntry> entries_;
  Metadata metadata_;
};

/// All tensors of a file, contiguous, on the CPU. Throws CheckpointError.
TensorMap read_safetensors(const std::filesystem::path& file, Metadata* metadata = nullptr);

/// Writes tensors of any strides and device, tensor by tensor, largest element size first (so that
/// each is aligned). The file is synced and appears whole, replacing an older one, or not at all.
/// Throws CheckpointError.
void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       const Metadata& metadata = {});

}  // namespace pgan::checkpoint
