// Loaded in front of a rank's libraries: on a real-time signal the rank runs out of memory, or
// hangs in a collective while the others are inside. Otherwise it changes nothing.
//   kill -s RTMIN+1 PID    the next allocation of a tensor throws std::bad_alloc
//   kill -s RTMIN+2 PID    the rank never begins its next reduction
//   kill -s RTMIN+3 PID    the next allocation of a tensor first eats all memory that the rank may
//   have (prlimit --as)
#include <dlfcn.h>
#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

volatile std::sig_atomic_t g_throw = 0;
volatile std::sig_atomic_t g_hang = 0;
volatile std::sig_atomic_t g_no_memory = 0;

void on_signal(int number) {
  if (number == SIGRTMIN + 1) g_throw = 1;
  if (number == SIGRTMIN + 2) g_hang = 1;
  if (number == SIGRTMIN + 3) g_no_memory = 1;
}

__attribute__((constructor)) void watch() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int number = SIGRTMIN + 1; number <= SIGRTMIN + 3; ++number)
    sigaction(number, &action, nullptr);
}

void hang_if_told() {
  while (g_hang != 0) pause();
}

/// Down to the last page: what is said afterwards has to do without.
void eat_memory() {
  for (std::size_t bytes = std::size_t{1} << 26; bytes >= 4096; bytes /= 2) {
    while (void* eaten = std::malloc(bytes)) *static_cast<volatile char*>(eaten) = 1;
  }
}

}  // namespace

// The one function through which LibTorch gets the memory of a CPU tensor. Others that allocate
// (oneDNN) crash when they get none.
namespace c10 {
void* alloc_cpu(std::size_t bytes) {
  using Function = void* (*)(std::size_t);
  static const auto original = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "_ZN3c109alloc_cpuEm"));
  if (g_throw != 0) throw std::bad_alloc();
  if (g_no_memory != 0) eat_memory();
  return original(bytes);
}
}  // namespace c10

extern "C" {

int MPI_Allreduce(const void* from, void* to, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
  hang_if_told();
  return PMPI_Allreduce(from, to, count, type, op, comm);
}

int MPI_Iallreduce(const void* from, void* to, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm, MPI_Request* request) {
  hang_if_told();
  return PMPI_Iallreduce(from, to, count, type, op, comm, request);
}
}
