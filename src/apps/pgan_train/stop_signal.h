#pragma once

namespace pgan::apps {

/// SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 ask the run to stop after a checkpoint. A second SIGINT
/// ends the process at once (exit 130).
void watch_stop_signals();

/// Number of the first such signal, 0 before any.
int stop_signal();

}  // namespace pgan::apps
