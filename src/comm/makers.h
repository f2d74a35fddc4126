#pragma once
#include <functional>

#include "comm/transports.h"

// The makers of the rows in transports.cpp, one a .cpp.
namespace pgan::comm {

std::unique_ptr<Communicator> make_self(torch::Device device);
std::unique_ptr<Communicator> make_mpi(torch::Device device, std::function<bool()> ending = {});
std::unique_ptr<Communicator> make_nccl(torch::Device device, Communicator* host,
                                        double timeout_seconds);

}  // namespace pgan::comm
