#pragma once
#include <stdexcept>
#include <string>

#include <torch/torch.h>

#include "comm/agree.h"
#include "comm/communicator.h"

namespace pgan::tests {

inline void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("contract broken: " + what);
}

/// What every transport must do, at any size. Collective; throws std::runtime_error.
inline void check_contract(comm::Communicator& c) {
  using comm::ReduceOp;
  const int n = c.size(), k = c.rank();
  require(k >= 0 && k < n, "rank within size");
  for (const torch::Dtype dtype :
       {torch::kFloat32, torch::kFloat64, torch::kInt32, torch::kInt64}) {
    torch::Tensor sum = torch::arange(5, dtype) + k;
    c.all_reduce(sum, ReduceOp::sum)->wait();
    require(torch::equal(sum, torch::arange(5, dtype) * n + n * (n - 1) / 2), "sum");
    torch::Tensor least = torch::full({3}, k, dtype), most = least.clone();
    c.all_reduce(least, ReduceOp::min)->wait();
    c.all_reduce(most, ReduceOp::max)->wait();
    require(least.eq(0).all().item<bool>() && most.eq(n - 1).all().item<bool>(), "min and max");
  }
  torch::Tensor mean = torch::full({2}, static_cast<double>(k), torch::kFloat64);
  c.all_reduce(mean, ReduceOp::mean)->wait();
  require((mean - (n - 1) / 2.0).abs().max().item<double>() < 1e-15, "mean");

  for (int root = 0; root < n; ++root) {
    torch::Tensor bytes = torch::full({7}, k, torch::kUInt8);
    c.broadcast(bytes, root)->wait();
    require(bytes.eq(root).all().item<bool>(), "broadcast");
  }
  torch::Tensor whole = torch::zeros({n, 2}, torch::kFloat32);
  c.all_gather(torch::full({2}, static_cast<float>(k)), whole)->wait();
  for (int rank = 0; rank < n; ++rank)
    require(whole[rank].eq(rank).all().item<bool>(), "all_gather");

  torch::Tensor first = torch::ones({1000}), second = torch::ones({10});
  const auto one =
      c.all_reduce(first, ReduceOp::sum);  // two under way at once, waited for in reverse
  const auto two = c.all_reduce(second, ReduceOp::sum);
  two->wait();
  one->wait();
  require(first[999].item<float>() == static_cast<float>(n) &&
              second[0].item<float>() == static_cast<float>(n),
          "order");
  c.barrier();

  require(comm::broadcast_text(c, k == n - 1 ? "héllo" : "", n - 1) == "héllo", "broadcast_text");
  require(comm::broadcast_text(c, "").empty(), "empty broadcast_text");
  const auto texts = comm::gather_text(c, std::string(static_cast<std::size_t>(k), 'x'));
  for (int rank = 0; rank < n; ++rank)
    require(texts[static_cast<std::size_t>(rank)].size() == static_cast<std::size_t>(rank),
            "gather_text");

  comm::agree(c, [] {});
  try {
    comm::agree(c, [&] {
      if (k == n - 1) throw DataError("no such file");
    });
    require(false, "agree throws on every rank");
  } catch (const comm::AgreedError& error) {
    require(error.code() == ExitCode::data, "agree keeps the code");
    require(std::string(error.what()).find("no such file") != std::string::npos,
            "agree keeps the message");
  }
}

}  // namespace pgan::tests
