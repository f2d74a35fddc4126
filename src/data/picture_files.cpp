#include "data/picture_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <system_error>

#include <dirent.h>

#include "core/error.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

class PictureFiles : public Pictures {
 public:
  explicit PictureFiles(fs::path root) : root_(std::move(root)) {}

  torch::Tensor read(const Source& source, const DecodeOptions& options) const override {
    try {
      return decode_file(root_ / source.key, options);
    } catch (const DataError& error) {
      std::error_code gone;
      if (!fs::exists(root_, gone)) {
        throw Error(ExitCode::data, printable(root_.string()) +
                                        ": the data set is gone; bring it back, then run it again");
      }
      throw DataError(printable(error.what()));  // the file's name may hold anything
    }
  }

 private:
  fs::path root_;
};

/// Both canonical.
bool lies_within(const fs::path& root, const fs::path& path) {
  const std::string &outer = root.native(), &inner = path.native();
  return inner == outer || outer == "/" || (inner.starts_with(outer) && inner[outer.size()] == '/');
}

class FolderWalk {
 public:
  FolderWalk(const fs::path& root, std::size_t most) : root_(root), most_(most) {
    std::error_code error;
    canonical_root_ = fs::canonical(root, error);
  }

  FoundPictures run(const std::string& below) {
    std::error_code error;
    const fs::path start = fs::canonical(root_ / below, error);
    if (!error && !lies_within(canonical_root_, start)) {
      skip(below, "a link that leads out of the folder, to " + printable(start.string()));
    } else {
      walk(below);
    }
    for (std::size_t i = 0, sorted = 0; i < links_.size() && !full(); ++i) {
      // Which of two links to a folder is followed must not depend on the folder's order on disk.
      if (sorted < links_.size()) {
        std::sort(links_.begin() + static_cast<std::ptrdiff_t>(i), links_.end());
        sorted = links_.size();
      }
      follow(std::string(links_[i]));
    }
    std::sort(found_.keys.begin(), found_.keys.end());
    std::sort(found_.skipped.begin(), found_.skipped.end(),
              [](const Skipped& a, const Skipped& b) { return a.key < b.key; });
    return std::move(found_);
  }

 private:
  bool full() const { return found_.keys.size() >= most_; }

  void skip(const std::string& key, std::string reason) {
    found_.skipped.push_back({key.empty() ? "." : key, std::move(reason)});
  }

  void walk(const std::string& top) {
    std::vector<std::string> pending = {top};
    while (!pending.empty() && !full()) {
      const std::string folder = std::move(pending.back());
      pending.pop_back();
      read_folder(folder, pending);
    }
  }

  void read_folder(const std::string& folder, std::vector<std::string>& pending) {
    std::error_code error;
    fs::directory_iterator entry(root_ / folder, error);
    while (!error && entry != fs::directory_iterator() && !full()) {
      const std::string& path = entry->path().native();
      const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
      if (!is_hidden_name(name)) {
        std::string key;
        key.reserve(folder.size() + 1 + name.size());
        if (!folder.empty()) key.append(folder).append("/");
        add(*entry, std::move(key.append(name)), pending);
      }
      entry.increment(error);
    }
    if (error) skip(folder, "the folder cannot be read: " + error.message());
  }

  void add(const fs::directory_entry& entry, std::string key, std::vector<std::string>& pending) {
    std::error_code error;
    if (entry.is_symlink(error)) {
      links_.push_back(std::move(key));
    } else if (entry.is_directory(error)) {
      pending.push_back(std::move(key));
    } else if (!is_picture_name(key)) {
      if (found_.others++ == 0) found_.other = std::move(key);
    } else if (entry.is_regular_file(error)) {
      found_.keys.push_back(std::move(key));
    } else {
      skip(key, "not a file but a pipe, a socket or a device");
    }
  }

  void follow(const std::string& link) {
    std::error_code error;
    const fs::path target = fs::canonical(root_ / link, error);
    const bool picture = is_picture_name(link);
    if (error) {
      if (picture || !fs::path(link).has_extension()) {
        skip(link, "a link that leads nowhere: " + error.message());
      }
      return;
    }
    const fs::file_type type = fs::status(target, error).type();
    if (type != fs::file_type::directory && !picture) {
      if (found_.others++ == 0) found_.other = link;
    } else if (!lies_within(canonical_root_, target)) {
      skip(link, "a link that leads out of the folder, to " + printable(target.string()));
    } else if (type == fs::file_type::directory) {
      follow_folder(link, target);
    } else if (type == fs::file_type::regular) {
      found_.keys.push_back(link);
    } else {
      skip(link, "not a file but a pipe, a socket or a device");
    }
  }

  void follow_folder(const std::string& link, const fs::path& target) {
    std::error_code error;
    const fs::path place = fs::canonical((root_ / link).parent_path(), error);
    if (error || lies_within(target, place)) {
      skip(link, "a link to a folder that it lies in");
    } else if (!followed_.insert(target.native()).second) {
      skip(link, "a link to a folder that another link leads to");
    } else {
      walk(link);
    }
  }

  fs::path root_, canonical_root_;
  std::size_t most_;
  FoundPictures found_;
  std::vector<std::string> links_;
  std::set<std::string> followed_;  // without it, links could cross to ever new paths
};

}  // namespace

std::shared_ptr<const Pictures> picture_files(fs::path root) {
  return std::make_shared<PictureFiles>(std::move(root));
}

bool is_picture_name(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {"jpg", "jpeg", "png", "bmp", "webp",
                                                             "ppm", "pgm",  "tif", "tiff"};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view extension = name.substr(dot + 1);
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view known) {
    return std::equal(
        known.begin(), known.end(), extension.begin(), extension.end(),
        [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
  });
}

bool is_hidden_name(std::string_view name) {
  return name.starts_with('.') || name == "__MACOSX";
}

std::vector<std::string> names_in(const fs::path& folder, bool (*wanted)(std::string_view)) {
  // Every importer looks into the root, which may hold millions: no path object for each name.
  struct Close {
    void operator()(DIR* open) const { closedir(open); }
  };
  std::vector<std::string> names;
  const std::unique_ptr<DIR, Close> open(opendir(folder.c_str()));
  if (!open) return names;
  while (const dirent* entry = readdir(open.get())) {
    if (wanted(entry->d_name)) names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

FoundPictures find_pictures(const fs::path& root, const std::string& below, std::size_t most) {
  return FolderWalk(root, most).run(below);
}

}  // namespace pgan::data
