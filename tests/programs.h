#pragma once
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pgan::tests {
namespace fs = std::filesystem;

/// A folder that is removed with the object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "pgan-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

struct Outcome {
  int code = -1;       ///< exit status; 124 after a minute, which counts as a hang
  std::string output;  ///< stdout and stderr
};

/// Runs a shell command, a minute at most.
inline Outcome run_command(const std::string& command) {
  const std::string bounded = "timeout -k 5 60 bash -c '" + command + "' 2>&1 </dev/null";
  std::FILE* pipe = popen(bounded.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  Outcome outcome;
  std::array<char, 4096> buffer;
  while (const std::size_t bytes = fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), bytes);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

/// One of the project's programs, by name.
inline std::string program(const std::string& name) {
  const char* folder = std::getenv("PGAN_BIN");
  return std::string(folder != nullptr ? folder : "build/bin") + "/" + name;
}

inline std::string mpirun(int ranks) {
  return "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --quiet --oversubscribe "
         "--bind-to none "
         "--mca btl_vader_single_copy_mechanism none -np " +
         std::to_string(ranks) + " ";
}

inline std::string read_file(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

/// A pack of drawn faces, 4 to 8 pixels. Empty string and a failed expectation when it cannot be
/// made.
inline std::string make_pack(const ScratchFolder& folder, int faces = 40, int size = 8) {
  const std::string pack = folder / "pack";
  const Outcome synth =
      run_command(program("pgan-data") + " synth --out " + (folder / "faces") + " --count " +
                  std::to_string(faces) + " --size " + std::to_string(size) + " --seed 1");
  const Outcome packed =
      run_command(program("pgan-data") + " pack --from " + (folder / "faces") + " --out " + pack);
  EXPECT_EQ(synth.code, 0) << synth.output;
  EXPECT_EQ(packed.code, 0) << packed.output;
  return pack;
}

}  // namespace pgan::tests
