#include "apps/pgan_data/interrupt.h"

#include <csignal>
#include <cstdlib>

namespace pgan::apps {
namespace {

volatile std::sig_atomic_t noted_signal = 0;

void note(int signal) {
  noted_signal = signal;
  std::signal(signal, SIG_DFL);  // a second one ends the process at once
}

}  // namespace

void note_interrupts() {
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

void check_interrupt() {
  if (noted_signal != 0) throw Interrupted{noted_signal};
}

void die_of(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace pgan::apps
