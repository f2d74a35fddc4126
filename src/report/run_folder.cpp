#include "report/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/launcher.h"
#include "core/log.h"
#include "report/format.h"

namespace pgan::report {
namespace fs = std::filesystem;
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string plain_name(std::string text) {
  constexpr std::size_t kLongest = 100;
  std::ranges::replace_if(
      text, [](char c) { return !is_plain(c); }, '-');
  return text.empty() ? "run" : text.substr(0, kLongest);
}

/// The number of "00007-anything"; -1 for other names.
std::int64_t run_number(const std::string& name) {
  std::int64_t number = -1;
  const char* end = name.data() + std::min<std::size_t>(name.size(), 9);
  const auto [rest, error] = std::from_chars(name.data(), end, number);
  const auto digits = static_cast<std::size_t>(rest - name.data());
  const bool is_run = error == std::errc() && digits >= 5 && digits < name.size() &&
                      name[digits] == '-' && name[0] != '-';
  return is_run ? number : -1;
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_file_error("cannot make the folder", folder, error.value());
  if (!fs::is_directory(folder, error)) throw_file_error("cannot use", folder, ENOTDIR);
}

void check_space(const fs::path& folder, std::int64_t minimal_bytes) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0 || disk.f_blocks == 0) return;  // it does not tell
  const double free_bytes = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  if (free_bytes >= static_cast<double>(minimal_bytes)) return;
  throw DataError("the disk of " + folder.string() + " is full: " +
                  bytes_text(static_cast<std::int64_t>(free_bytes)) + " free, at least " +
                  bytes_text(minimal_bytes) + " needed; free some space or give another --run");
}

void touch(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) throw_file_error("cannot write", file, errno);
  ::close(descriptor);
}

bool overwrite(const fs::path& file, const std::string& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const auto length = static_cast<ssize_t>(text.size());
  const bool written = ::pwrite(descriptor, text.data(), text.size(), 0) == length &&
                       ::ftruncate(descriptor, length) == 0;
  ::close(descriptor);
  return written;
}

void sync_file(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return;
  if (descriptor < 0) throw_file_error("cannot open", file, errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) throw_file_error("cannot sync", file, error);
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, length};
}

/// "pid 12 on host h", as the holder wrote it; only what can be printed, since anyone may write
/// there.
std::string lock_holder(int descriptor) {
  char text[200];
  const ssize_t length = ::pread(descriptor, text, sizeof text, 0);
  std::string holder(text, static_cast<std::size_t>(std::max<ssize_t>(0, length)));
  holder.resize(std::min(holder.find('\n'), holder.size()));
  std::ranges::replace_if(
      holder, [](char c) { return c != ' ' && !is_plain(c); }, '?');
  return holder.empty() ? "another process" : holder;
}

}  // namespace

fs::path RunFolder::next_free(const fs::path& parent, const std::string& description) {
  std::int64_t next = 0;
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    next = std::max(next, run_number(entry->path().filename().string()) + 1);
  }
  if (error && error.value() != ENOENT) {
    throw_file_error("cannot read the folder", parent, error.value());
  }
  return parent /
         text_of("%05lld-%s", static_cast<long long>(next), plain_name(description).c_str());
}

RunFolder RunFolder::create_next(const fs::path& parent, const std::string& description,
                                 std::int64_t minimal_bytes) {
  make_folders(parent);
  while (true) {
    const fs::path root = next_free(parent, description);
    std::error_code error;
    const bool is_ours = fs::create_directory(root, error);
    if (error) throw_file_error("cannot make the folder", root, error.value());
    if (!is_ours) continue;  // another job was faster: its number counts now
    RunFolder folder(root);
    folder.create(minimal_bytes);
    return folder;
  }
}

void RunFolder::create(std::int64_t minimal_bytes) const {
  make_folders(root_);
  touch(lock());  // first: it tells a run's folder from others, also one that was killed right here
  check_space(root_, minimal_bytes);
  make_folders(samples());
  // Permission bits do not tell all: read-only mounts, quotas, root squashing.
  const fs::path probe = root_ / ".probe";
  write_text(probe, "");
  std::error_code ignored;
  fs::remove(probe, ignored);
}

void RunFolder::clear_temporaries() const {
  std::vector<fs::path> found;
  for (const fs::path& folder : {root_, samples()}) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.starts_with(".") && name.find(".tmp-") != std::string::npos)
        found.push_back(entry->path());
    }
  }
  found.push_back(root_ / ".probe");
  for (const fs::path& file : found) {
    std::error_code error;
    fs::remove(file, error);
    if (error) log_warning("cannot remove " + file.string() + ": " + error.message());
  }
}

void RunFolder::sync() const {
  std::vector<fs::path> files{stats(), metrics(), log()};
  std::error_code error;
  for (fs::directory_iterator entry(root_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("events.out."))
      files.push_back(entry->path());
  }
  for (const fs::path& file : files) sync_file(file);
}

void RunFolder::write_status(const RunStatus& status) const {
  nlohmann::ordered_json json;
  json["state"] = status.state;
  json["exit_code"] = static_cast<int>(status.exit_code);
  json["message"] = status.message;
  json["step"] = status.progress.step;
  json["images"] = status.progress.images;
  json["kimg"] = static_cast<double>(status.progress.images) / 1000;
  json["resolution"] = status.growth.resolution;
  json["alpha"] = status.growth.alpha;
  json["host"] = host_name();
  json["pid"] = ::getpid();
  json["time"] = utc_now();
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  try {
    write_text(this->status(), text);
  } catch (const DataError&) {
    // A full disk takes no new file, but the old one's block can be written once more.
    if (!overwrite(this->status(), text)) throw;
  }
}

fs::path RunFolder::fakes(std::int64_t images) const {
  return samples() / text_of("fakes-%06lld.png", static_cast<long long>(images / 1000));
}

fs::path RunFolder::trace(std::int64_t first_step, std::int64_t last_step) const {
  return root_ / text_of("trace-%06lld-%06lld.json", static_cast<long long>(first_step),
                         static_cast<long long>(last_step));
}

RunLock::RunLock(const RunFolder& folder)
    : descriptor_(::open(folder.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw_file_error("cannot open", folder.lock(), errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) {
      log_warning(folder.root().string() + " cannot be locked (" + errno_text(error) +
                  "): take care that only one job uses it");
      return;
    }
    const std::string holder = lock_holder(descriptor_);
    ::close(descriptor_);
    throw CheckpointError("the run " + folder.root().string() + " is in use by " + holder +
                          "; wait for it, stop it, or give another --run");
  }
  const std::string holder = text_of("pid %d on host %s\n", ::getpid(), host_name().c_str());
  const bool written = ::ftruncate(descriptor_, 0) == 0 &&
                       ::pwrite(descriptor_, holder.data(), holder.size(), 0) > 0;
  if (!written) log_warning("cannot write " + folder.lock().string());
}

RunLock::~RunLock() {
  ::close(descriptor_);
}

}  // namespace pgan::report
