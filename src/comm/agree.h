#pragma once
#include <functional>

#include "comm/communicator.h"

namespace pgan::comm {

/// An error that every rank knows of: one report (rank 0's) is enough, and all ranks leave in
/// order.
class AgreedError : public Error {
 public:
  using Error::Error;
};

/// Collective: runs work() on every rank, then throws the same AgreedError on all of them if it
/// threw on any (the lowest such rank's, with rank named when not all failed alike). So a step that
/// can fail on one rank alone (opening files) leaves no rank waiting. work() must not itself be
/// collective.
void agree(Communicator& host, const std::function<void()>& work);

}  // namespace pgan::comm
