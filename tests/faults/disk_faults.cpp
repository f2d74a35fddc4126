// Preloaded into a program: makes its file-system calls fail, hang or end it at a chosen call.
//
//   PGAN_DISK_FAULT      rules, separated by ";". A rule is words KEY=VALUE:
//     rank=N             only in this rank of mpirun (without mpirun: rank 0); default: in all
//     call=NAME[|NAME]   open (those that may create a file), write, fsync, close, ftruncate,
//                        rename, renameat2, symlink, mkdir, unlink (also rmdir), any; default: any.
//                        Those that only read count where they are named: open-read, read, pread,
//                        stat (also lstat, fstat), opendir (also readdir), readlink (also realpath)
//     match=TEXT[|TEXT]  only paths that contain a text, or end in it if the text ends in "$"
//     nth=N              which of the calls that fit, from 1, counted over all threads; 0: none
//     do=ACTION          an errno's name such as EIO, followed by "+" if all later calls fail too;
//                        kill and kill-after (SIGKILL before, after the call); hang (hang+: all
//                        later calls too); short (half a write, then ENOSPC)
//   PGAN_DISK_FAULT_LOG  file that gets a line for each call that fits the first rule:
//                        RANK INDEX CALL PATH
//
// Reads and writes of C's streams do not pass through here: the C library calls itself.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <string>
#include <type_traits>

#include "faults/disk_rules.h"

namespace {
using namespace pgan::disk_faults;

/// Calls `function` unless a rule says otherwise.
template <class Function>
auto pass(const char* call, const std::string& path, Function function) {
  using Result = decltype(function());
  const Decision decision = decide(call, path);
  if (decision.action == Action::fail) {
    errno = decision.error;
    if constexpr (std::is_pointer_v<Result>) {
      return Result(nullptr);
    } else {
      return Result(-1);
    }
  }
  const Result result = function();
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  return result;
}

/// The same for a call of the C library, `name`, that only reads: there are many of them. `place`
/// is a path or a descriptor.
template <class Function, class Place, class... Arguments>
auto pass_read(const char* call, const char* name, const Place& place, Arguments... arguments) {
  const auto read = [&] { return real<Function>(name)(arguments...); };
  for (const Rule& rule : rules()) {
    if (!names(rule, call)) continue;
    if constexpr (std::is_same_v<Place, int>) {
      return pass(call, path_of(place), read);
    } else {
      return pass(call, place, read);
    }
  }
  return read();
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  static const auto function = real<decltype(&::openat)>("openat");
  const auto call = [&] { return function(folder, path, flags, mode); };
  if ((flags & O_CREAT) != 0) return pass("open", path_of(folder, path), call);
  if ((flags & O_ACCMODE) != O_RDONLY) return call();
  return pass_read<decltype(&::openat)>("open-read", "openat", path_of(folder, path), folder, path,
                                        flags, mode);
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

// The C library's own names, hence no namespace. noexcept where its headers have it.
#define PGAN_OPEN(NAME)                            \
  int NAME(const char* path, int flags, ...) {     \
    va_list arguments;                             \
    va_start(arguments, flags);                    \
    const mode_t mode = mode_of(flags, arguments); \
    va_end(arguments);                             \
    return open_at(AT_FDCWD, path, flags, mode);   \
  }
#define PGAN_OPENAT(NAME)                                  \
  int NAME(int folder, const char* path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_at(folder, path, flags, mode);             \
  }

#define PGAN_FOPEN(NAME)                                                        \
  FILE* NAME(const char* path, const char* mode) {                              \
    if (mode[0] != 'r') return real<decltype(&::fopen)>(#NAME)(path, mode);     \
    return pass_read<decltype(&::fopen)>("open-read", #NAME, path, path, mode); \
  }
#define PGAN_PREAD(NAME)                                                                      \
  ssize_t NAME(int file, void* bytes, std::size_t count, off_t position) {                    \
    return pass_read<decltype(&::pread)>("pread", #NAME, file, file, bytes, count, position); \
  }
#define PGAN_STAT(NAME, PLACE, STATUS)                                                     \
  int NAME(PLACE place, struct STATUS* status) noexcept {                                  \
    return pass_read<int (*)(PLACE, struct STATUS*)>("stat", #NAME, place, place, status); \
  }
// Names of an older C library: LibTorch holds std::filesystem as it was compiled for one.
#define PGAN_XSTAT(NAME, STATUS)                                                              \
  int NAME(int version, const char* path, struct STATUS* status) noexcept {                   \
    return pass_read<int (*)(int, const char*, struct STATUS*)>("stat", #NAME, path, version, \
                                                                path, status);                \
  }
#define PGAN_READDIR(NAME, ENTRY)                                                         \
  struct ENTRY* NAME(DIR* folder) {                                                       \
    return pass_read<struct ENTRY* (*)(DIR*)>("opendir", #NAME, ::dirfd(folder), folder); \
  }

extern "C" {

PGAN_OPEN(open)
PGAN_OPEN(open64)
PGAN_OPENAT(openat)
PGAN_OPENAT(openat64)

ssize_t write(int descriptor, const void* bytes, std::size_t count) {
  static const auto function = real<decltype(&::write)>("write");
  const Decision decision = decide("write", path_of(descriptor));
  if (decision.action == Action::fail) {
    errno = decision.error;
    return -1;
  }
  const bool half = decision.action == Action::short_write;
  const ssize_t written = function(descriptor, bytes, half ? (count + 1) / 2 : count);
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  return written;
}

int fsync(int descriptor) {
  static const auto function = real<decltype(&::fsync)>("fsync");
  return pass("fsync", path_of(descriptor), [&] { return function(descriptor); });
}

int close(int descriptor) {
  static const auto function = real<decltype(&::close)>("close");
  const std::string path = path_of(descriptor);
  // As Linux does it: the descriptor is gone even where an error is reported.
  const Decision decision = decide("close", path);
  const int result = function(descriptor);
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  if (decision.action != Action::fail) return result;
  errno = decision.error;
  return -1;
}

int ftruncate(int descriptor, off_t length) noexcept {
  static const auto function = real<decltype(&::ftruncate)>("ftruncate");
  return pass("ftruncate", path_of(descriptor), [&] { return function(descriptor, length); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto function = real<decltype(&::rename)>("rename");
  return pass("rename", std::string(from) + ">" + to, [&] { return function(from, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  static const auto function = real<decltype(&::renameat2)>("renameat2");
  return pass("renameat2", path_of(from_folder, from) + ">" + path_of(to_folder, to),
              [&] { return function(from_folder, from, to_folder, to, flags); });
}

int symlink(const char* target, const char* path) noexcept {
  static const auto function = real<decltype(&::symlink)>("symlink");
  return pass("symlink", path, [&] { return function(target, path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto function = real<decltype(&::mkdir)>("mkdir");
  return pass("mkdir", path, [&] { return function(path, mode); });
}

int unlink(const char* path) noexcept {
  static const auto function = real<decltype(&::unlink)>("unlink");
  return pass("unlink", path, [&] { return function(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto function = real<decltype(&::unlinkat)>("unlinkat");
  return pass("unlink", path_of(folder, path), [&] { return function(folder, path, flags); });
}

int rmdir(const char* path) noexcept {
  static const auto function = real<decltype(&::rmdir)>("rmdir");
  return pass("unlink", path, [&] { return function(path); });
}

int remove(const char* path) noexcept {  // what std::filesystem::remove calls
  static const auto function = real<decltype(&::remove)>("remove");
  return pass("unlink", path, [&] { return function(path); });
}

PGAN_FOPEN(fopen)
PGAN_FOPEN(fopen64)
PGAN_PREAD(pread)
PGAN_PREAD(pread64)
PGAN_XSTAT(__xstat, stat)
PGAN_XSTAT(__xstat64, stat64)
PGAN_XSTAT(__lxstat, stat)
PGAN_XSTAT(__lxstat64, stat64)
PGAN_STAT(stat, const char*, stat)
PGAN_STAT(stat64, const char*, stat64)
PGAN_STAT(lstat, const char*, stat)
PGAN_STAT(lstat64, const char*, stat64)
PGAN_STAT(fstat, int, stat)
PGAN_STAT(fstat64, int, stat64)
PGAN_READDIR(readdir, dirent)
PGAN_READDIR(readdir64, dirent64)

ssize_t read(int file, void* bytes, std::size_t count) {
  return pass_read<decltype(&::read)>("read", "read", file, file, bytes, count);
}

DIR* opendir(const char* path) {
  return pass_read<decltype(&::opendir)>("opendir", "opendir", path, path);
}

DIR* fdopendir(int file) {
  return pass_read<decltype(&::fdopendir)>("opendir", "fdopendir", file, file);
}

ssize_t readlink(const char* path, char* target, std::size_t size) noexcept {
  return pass_read<decltype(&::readlink)>("readlink", "readlink", path, path, target, size);
}

char* realpath(const char* path, char* resolved) noexcept {
  return pass_read<decltype(&::realpath)>("readlink", "realpath", path, path, resolved);
}

}  // extern "C"
