#include "data/zip_archive.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include <sys/stat.h>
#include <zip.h>

#include "core/error.h"
#include "data/picture_files.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Zip = std::unique_ptr<zip_t, DiscardZip>;

struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

Zip open_zip(const std::filesystem::path& file) {
  int code = 0;
  Zip archive(zip_open(file.c_str(), ZIP_RDONLY, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw DataError(printable(file.string()) + ": no readable zip archive (" + reason +
                  "); is it whole?");
}

bool is_link(zip_t* archive, std::uint64_t index) {
  std::uint8_t system = 0;
  std::uint32_t attributes = 0;
  return zip_file_get_external_attributes(archive, index, 0, &system, &attributes) == 0 &&
         system == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16);
}

bool has_part(std::string_view name, bool (*matches)(std::string_view)) {
  while (true) {
    const std::size_t slash = name.find('/');
    if (matches(name.substr(0, slash))) return true;
    if (slash == std::string_view::npos) return false;
    name.remove_prefix(slash + 1);
  }
}

/// Why an entry is not used, if it is not.
std::optional<std::string> fault_of(zip_t* archive, const zip_stat_t& stat, std::string_view name) {
  if (name.starts_with('/') || (name.size() > 1 && name[1] == ':')) {
    return "an absolute name in a zip";
  }
  if (has_part(name, [](std::string_view part) { return part == ".."; })) {
    return "its name climbs out of the zip";
  }
  if (name.find('\\') != std::string_view::npos) {
    return "a backslash in its name, where a zip has '/'; make the zip anew with another program";
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    return "encrypted; make the zip anew without a password";
  }
  if ((stat.valid & ZIP_STAT_COMP_METHOD) != 0 &&
      zip_compression_method_supported(stat.comp_method, 0) == 0) {
    return "compressed by method " + std::to_string(stat.comp_method) +
           ", which this libzip cannot read; make the zip anew, stored or deflated";
  }
  if (is_link(archive, stat.index)) return "a link in a zip";
  if ((stat.valid & ZIP_STAT_SIZE) != 0 && stat.size > ZipArchive::kMaxEntry) {
    return "declares more than " + std::to_string(ZipArchive::kMaxEntry >> 20) + " MiB";
  }
  return std::nullopt;
}

}  // namespace

/// Open archives, one a thread that reads at the same time: libzip's are for one thread each.
class ZipArchive::Handles {
 public:
  explicit Handles(std::filesystem::path file) : file_(std::move(file)) {
    free_.push_back(open_zip(file_));
  }

  /// An archive for one thread, handed back at the end of its scope.
  class Lease {
   public:
    explicit Lease(Handles& handles) : handles_(handles), archive_(handles.take()) {}
    ~Lease() {
      const std::lock_guard lock(handles_.mutex_);
      handles_.free_.push_back(std::move(archive_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    zip_t* get() const { return archive_.get(); }

   private:
    Handles& handles_;
    Zip archive_;
  };

  std::string name() const { return printable(file_.string()); }

 private:
  Zip take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Zip archive = std::move(free_.back());
        free_.pop_back();
        return archive;
      }
    }
    return open_zip(file_);
  }

  std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<Zip> free_;
};

ZipArchive::ZipArchive(const std::filesystem::path& file)
    : handles_(std::make_unique<Handles>(file)) {}

ZipArchive::~ZipArchive() = default;

std::vector<ZipArchive::Entry> ZipArchive::entries(std::vector<Skipped>& skipped) const {
  const Handles::Lease archive(*handles_);
  const auto count = std::max<zip_int64_t>(zip_get_num_entries(archive.get(), 0), 0);
  std::vector<Entry> entries;
  std::unordered_set<std::string> seen;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    zip_stat_t stat;
    const char* raw = zip_get_name(archive.get(), i, ZIP_FL_ENC_RAW);
    if (raw == nullptr || zip_stat_index(archive.get(), i, 0, &stat) != 0) {
      skipped.push_back({"entry " + std::to_string(i), "its description in the zip is damaged"});
      continue;
    }
    std::string name = raw;
    if (name.empty() || name.ends_with('/')) continue;
    stat.index = i;
    if (auto fault = fault_of(archive.get(), stat, name)) {
      skipped.push_back({std::move(name), std::move(*fault)});
    } else if (has_part(name, is_hidden_name)) {
      continue;
    } else if (!seen.insert(name).second) {
      skipped.push_back({std::move(name), "the zip has an earlier entry of this name"});
    } else {
      entries.push_back({std::move(name), i});
    }
  }
  return entries;
}

std::vector<std::uint8_t> ZipArchive::read(std::uint64_t index, const std::string& name) const {
  const Handles::Lease archive(*handles_);
  const auto fail = [&](const std::string& reason) {
    throw DataError(handles_->name() + ": " + printable(name) + ": " + reason);
  };
  zip_stat_t stat;
  const std::unique_ptr<zip_file_t, CloseEntry> entry(zip_fopen_index(archive.get(), index, 0));
  if (!entry || zip_stat_index(archive.get(), index, 0, &stat) != 0) {
    fail(std::string("cannot be read: ") + zip_strerror(archive.get()));
  }
  if (stat.size > kMaxEntry) fail("more than " + std::to_string(kMaxEntry >> 20) + " MiB");
  // Grows as bytes come: the declared size is a claim. The end must be read for the checksum.
  std::vector<std::uint8_t> bytes;
  std::size_t used = 0;
  while (used <= stat.size) {
    if (used == bytes.size()) bytes.resize(std::max<std::size_t>(2 * used, std::size_t{1} << 16));
    const zip_int64_t got = zip_fread(entry.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0) fail(std::string("damaged: ") + zip_file_strerror(entry.get()));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  if (used != stat.size) {
    fail("damaged: expected the " + std::to_string(stat.size) + " bytes it declares, found " +
         (used > stat.size ? "more" : std::to_string(used)));
  }
  bytes.resize(used);
  return bytes;
}

bool is_zip_file(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  std::ifstream stream(file, std::ios::binary);
  std::array<char, 4> start{};
  stream.read(start.data(), start.size());
  const std::string_view magic(start.data(), start.size());
  return stream.gcount() == 4 && (magic == std::string_view("PK\3\4") || magic == "PK\5\6");
}

}  // namespace pgan::data
