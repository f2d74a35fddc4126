#include "apps/pgan_train/stop_signal.h"

#include <unistd.h>

#include <csignal>

namespace pgan::apps {
namespace {

volatile std::sig_atomic_t g_signal = 0;  // a handler can reach nothing but a global

void on_signal(int number) {
  if (number == SIGINT && g_signal == SIGINT) _exit(128 + SIGINT);
  if (g_signal == 0) g_signal = number;
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaction(number, &action, nullptr);
}

int stop_signal() {
  return g_signal;
}

}  // namespace pgan::apps
