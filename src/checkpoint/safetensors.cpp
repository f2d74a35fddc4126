#include "checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "checkpoint/file.h"
#include "checkpoint/json.h"
#include "checkpoint/pieces.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

/// The format's own bound.
constexpr std::int64_t kLongestHeader = 100'000'000;

struct DtypeRow {
  torch::ScalarType dtype;
  std::string_view name;
};
constexpr DtypeRow kDtypes[] = {{torch::kFloat64, "F64"}, {torch::kFloat32, "F32"},
                                {torch::kFloat16, "F16"}, {torch::kBFloat16, "BF16"},
                                {torch::kInt64, "I64"},   {torch::kInt32, "I32"},
                                {torch::kInt16, "I16"},   {torch::kInt8, "I8"},
                                {torch::kUInt8, "U8"},    {torch::kBool, "BOOL"}};

std::int64_t element_bytes(torch::ScalarType dtype) {
  return static_cast<std::int64_t>(torch::elementSize(dtype));
}

Metadata parse_metadata(const Json& object, const std::string& where) {
  if (!object.is_object()) throw CheckpointError(where + ": expected a JSON object");
  Metadata metadata;
  for (const auto& [key, value] : object.items()) metadata[key] = text(value, where + " " + key);
  return metadata;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& object, std::int64_t data_bytes,
                             const std::string& file) {
  check_name(name, file);
  const std::string where = file + ": tensor " + name;
  SafetensorsEntry entry;
  entry.name = name;
  const std::string dtype = text(member(object, "dtype", where), where + " dtype");
  const auto known = dtype_of(dtype);
  if (!known) throw CheckpointError(where + ": unknown dtype");
  entry.dtype = *known;
  const Json& shape = member(object, "shape", where);
  const Json& offsets = member(object, "data_offsets", where);
  if (!shape.is_array() || shape.size() > 16 || !offsets.is_array() || offsets.size() != 2) {
    throw CheckpointError(where + ": expected a shape of at most 16 numbers and 2 data_offsets");
  }
  for (const Json& size : shape) {
    entry.shape.push_back(integer(size, 0, INT64_MAX, where + " shape"));
  }
  entry.begin = integer(offsets[0], 0, data_bytes, where + " data_offsets");
  entry.end = integer(offsets[1], entry.begin, data_bytes, where + " data_offsets");
  const std::int64_t count = element_count(entry.shape, where);
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(count, element_bytes(entry.dtype), &bytes) ||
      bytes != entry.end - entry.begin) {
    throw CheckpointError(where + ": its shape and dtype need another size than its " +
                          std::to_string(entry.end - entry.begin) + " bytes");
  }
  return entry;
}

}  // namespace

std::string_view dtype_name(torch::ScalarType dtype) {
  for (const DtypeRow& row : kDtypes) {
    if (row.dtype == dtype) return row.name;
  }
  throw CheckpointError(std::string("cannot store tensors of dtype ") + c10::toString(dtype));
}

std::optional<torch::ScalarType> dtype_of(std::string_view name) {
  for (const DtypeRow& row : kDtypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::int64_t element_count(std::span<const std::int64_t> shape, std::string_view where) {
  // Zeros are left out first: an empty tensor may have other sizes whose product overflows.
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size == 0) empty = true;
    if (size < 0 || (size > 0 && __builtin_mul_overflow(count, size, &count))) {
      throw CheckpointError(std::string(where) + ": impossible shape");
    }
  }
  return empty ? 0 : count;
}

std::string safetensors_header(std::vector<SafetensorsEntry>& entries, const Metadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::int64_t offset = 0;
  for (SafetensorsEntry& entry : entries) {
    entry.begin = offset;
    entry.end = offset + element_count(entry.shape, entry.name) * element_bytes(entry.dtype);
    offset = entry.end;
    header[entry.name] = {{"dtype", dtype_name(entry.dtype)},
                          {"shape", entry.shape},
                          {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string json = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  json.append((8 - json.size() % 8) % 8, ' ');
  const auto length = static_cast<std::uint64_t>(json.size());
  std::string result(sizeof length, '\0');
  std::memcpy(result.data(), &length, sizeof length);
  return result + json;
}

void check_bools(const SafetensorsEntry& entry, std::span<const std::byte> bytes,
                 const std::string& where) {
  if (entry.dtype == torch::kBool &&
      std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; })) {
    throw CheckpointError(where + ": tensor " + entry.name + " has bools other than 0 and 1");
  }
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file)
    : file_(std::make_unique<InputFile>(file)), file_bytes_(file_->bytes()) {
  const auto fail = [&](const std::string& what) {
    throw CheckpointError(file.string() + " is no whole safetensors file: " + what);
  };
  std::uint64_t length = 0;
  if (file_bytes_ < 8) fail("shorter than 8 bytes");
  file_->read(0, std::as_writable_bytes(std::span(&length, 1)));
  const std::int64_t longest = std::min(kLongestHeader, file_bytes_ - 8);
  if (length > static_cast<std::uint64_t>(longest)) {
    fail("a header of " + std::to_string(length) + " bytes in a file of " +
         std::to_string(file_bytes_));
  }
  data_start_ = 8 + static_cast<std::int64_t>(length);
  const std::string header = file_->read_text(0, data_start_);
  header_checksum_ = checksum_of(header);
  parse(std::string_view(header).substr(8), file_bytes_ - data_start_);
}

SafetensorsFile::~SafetensorsFile() = default;

void SafetensorsFile::parse(std::string_view json, std::int64_t data_bytes) {
  const std::string where = file_->path().string();
  const Json header = parse_json(json, where);
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      metadata_ = parse_metadata(value, where + " __metadata__");
    } else {
      entries_.push_back(parse_entry(name, value, data_bytes, where));
    }
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::int64_t offset = 0;
  for (const SafetensorsEntry& entry : entries_) {
    if (entry.begin != offset) {
      throw CheckpointError(where + ": tensor " + entry.name + " starts at byte " +
                            std::to_string(entry.begin) + ", expected " + std::to_string(offset));
    }
    offset = entry.end;
  }
  if (offset != data_bytes) {
    throw CheckpointError(where + ": " + std::to_string(data_bytes) + " bytes of data, expected " +
                          std::to_string(offset));
  }
}

void SafetensorsFile::read(const SafetensorsEntry& entry, std::int64_t offset,
                           std::span<std::byte> bytes) const {
  const auto wanted = static_cast<std::int64_t>(bytes.size());
  if (offset < 0 || wanted > entry.end - entry.begin - offset) {
    throw CheckpointError(file_->path().string() + ": read past the end of tensor " + entry.name);
  }
  file_->read(data_start_ + entry.begin + offset, bytes);
}

torch::Tensor SafetensorsFile::read(const SafetensorsEntry& entry) const {
  torch::Tensor tensor = torch::empty(entry.shape, torch::dtype(entry.dtype));
  const std::span bytes(static_cast<std::byte*>(tensor.mutable_data_ptr()),
                        static_cast<std::size_t>(entry.end - entry.begin));
  read(entry, 0, bytes);
  check_bools(entry, bytes, file_->path().string());
  return tensor;
}

TensorMap read_safetensors(const std::filesystem::path& file, Metadata* metadata) {
  const SafetensorsFile input(file);
  TensorMap tensors;
  for (const SafetensorsEntry& entry : input.entries()) tensors[entry.name] = input.read(entry);
  if (metadata) *metadata = input.metadata();
  return tensors;
}

void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       const Metadata& metadata) {
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, entry] : describe(tensors)) {
    check_name(name, file.string());
    entries.push_back({name, entry.dtype, entry.shape});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return element_bytes(a.dtype) > element_bytes(b.dtype);
  });
  const std::filesystem::path partial = file.string() + ".partial";
  try {
    OutputFile output(partial);
    output.write(safetensors_header(entries, metadata));
    for (const SafetensorsEntry& entry : entries) {
      const torch::Tensor host = tensors.at(entry.name).detach().cpu().contiguous();
      output.write({static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()});
    }
    output.finish();
    std::filesystem::rename(partial, file);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    const Failure failure = current_failure();
    throw CheckpointError(failure.message);
  }
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  sync_folder(folder);
}

}  // namespace pgan::checkpoint
