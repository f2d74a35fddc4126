#include "core/error.h"

#include <cstring>
#include <exception>
#include <filesystem>
#include <new>

#include <c10/util/Exception.h>

#include "core/file_error.h"

namespace pgan {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// As throw_file_error says it of a path and a reason.
Failure failure_of_file(const std::filesystem::filesystem_error& error) {
  try {
    throw_file_error("cannot use", error.path1(), error.code().value());
  } catch (const Error& said) {
    return {said.code(), said.what()};
  }
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::Error& error) {
    return {ExitCode::internal, first_line(error.what_without_backtrace())};
  } catch (const std::filesystem::filesystem_error& error) {
    return failure_of_file(error);
  } catch (const std::bad_alloc&) {
    return {ExitCode::internal, "out of memory: use a smaller minibatch or more ranks"};
  } catch (const std::exception& error) {
    return {ExitCode::internal, first_line(error.what())};
  } catch (...) {
    return {ExitCode::internal, "unknown exception"};
  }
}

std::string errno_text(int error_number) {
  return std::strerror(error_number);
}

}  // namespace pgan
