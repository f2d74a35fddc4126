#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace pgan {

/// Sets up the log of this process: rank 0 writes info and above to stderr, other ranks only
/// warnings, marked with rank and host. Before it, messages go to stderr unmarked.
void start_log(int rank, const std::string& host);

/// Also appends the log to a file, with times (rank 0). Throws DataError when it cannot be opened.
void log_to_file(const std::filesystem::path& file);

/// Writes to the log's file alone (what the progress line shows on the terminal). Nothing without
/// one.
void log_file_only(const std::string& message);

/// Called before and after a message goes to stderr, e.g. to clear and redraw a progress bar.
void set_log_hooks(std::function<void()> before, std::function<void()> after);

void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);

}  // namespace pgan
