#pragma once

namespace pgan::apps {

/// Thrown by check_interrupt(); no Error, since it is no failure.
struct Interrupted {
  int signal;
};

/// From now on SIGINT and SIGTERM are noted instead of ending the process.
void note_interrupts();
/// Throws Interrupted when such a signal came: the stack unwinds, and half-made folders with it.
void check_interrupt();
/// Ends the process by the signal itself, so that the shell sees it.
[[noreturn]] void die_of(int signal);

}  // namespace pgan::apps
