#include "core/error.h"

#include <cstring>
#include <exception>
#include <new>

#include <c10/util/Exception.h>

namespace pgan {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::Error& error) {
    return {ExitCode::internal, first_line(error.what_without_backtrace())};
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
