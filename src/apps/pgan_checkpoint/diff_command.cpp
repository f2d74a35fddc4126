#include <cmath>
#include <cstdio>
#include <string>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/load.h"

namespace pgan::apps {
namespace {

/// How two sets of tensors of one network differ.
struct Difference {
  std::int64_t common = 0;
  std::int64_t only_first = 0;
  std::int64_t only_second = 0;
  std::int64_t other_shape = 0;
  std::int64_t unequal = 0;
  double largest = 0;  ///< of |a - b|; NaN in one alone counts as infinite
  std::string where;
  double squares = 0;            ///< of a - b
  double reference_squares = 0;  ///< of a
};

/// Largest |a - b| of two float64 tensors of one shape.
double largest_of(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor apart = (a - b).abs().masked_fill(a.eq(b) | (a.isnan() & b.isnan()), 0);
  return apart.nan_to_num(INFINITY).max().item<double>();
}

void compare(const std::string& name, const torch::Tensor& first, const torch::Tensor& second,
             Difference& difference) {
  if (first.sizes() != second.sizes() || first.scalar_type() != second.scalar_type()) {
    ++difference.other_shape;
    return;
  }
  ++difference.common;
  if (first.numel() == 0) return;
  const torch::Tensor a = first.to(torch::kFloat64), b = second.to(torch::kFloat64);
  const double largest = largest_of(a, b);
  if (largest > 0) ++difference.unequal;
  if (largest > difference.largest) {
    difference.largest = largest;
    difference.where = name;
  }
  difference.squares += (a - b).square().sum().item<double>();
  difference.reference_squares += a.square().sum().item<double>();
}

Difference compare_network(const checkpoint::Found& first, const checkpoint::Found& second,
                           const std::string& network) {
  // A tensor without a slash is a network of its own name, hence the second test.
  const TensorMap a = checkpoint::read_tensors(first, network);
  const TensorMap b = checkpoint::read_tensors(second, network);
  Difference difference;
  for (const auto& [name, tensor] : a) {
    if (network_of(name) != network) continue;
    const auto other = b.find(name);
    if (other == b.end()) {
      ++difference.only_first;
    } else {
      compare(name, tensor, other->second, difference);
    }
  }
  for (const auto& [name, tensor] : b) {
    if (network_of(name) == network && !a.contains(name)) ++difference.only_second;
  }
  return difference;
}

void print(const std::string& network, const Difference& difference) {
  std::printf("%-12s %lld tensors in both, %lld differ", network.c_str(),
              static_cast<long long>(difference.common),
              static_cast<long long>(difference.unequal));
  if (difference.unequal > 0) {
    std::printf("; largest %.3g in %s", difference.largest, difference.where.c_str());
    const double ratio = std::sqrt(difference.squares / difference.reference_squares);
    if (std::isfinite(ratio)) std::printf("; L2 of the difference %.3g of the first's", ratio);
  }
  const std::pair<std::int64_t, const char*> rest[] = {
      {difference.only_first, "only in the first"},
      {difference.only_second, "only in the second"},
      {difference.other_shape, "of another shape or dtype"}};
  for (const auto& [count, what] : rest) {
    if (count > 0) std::printf("; %lld %s", static_cast<long long>(count), what);
  }
  std::printf("\n");
}

}  // namespace

ExitCode diff_command(const Arguments& arguments) {
  std::string first_folder, second_folder;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("first", first_folder, "a checkpoint's folder, or a run's");
    visitor.field("second", second_folder, "another");
  };
  if (!parse_command(arguments, "pgan-checkpoint diff DIR DIR", visit, {"first", "second"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint diff checkpoints/00001 checkpoints/00002";
  require_option("the first checkpoint's folder", first_folder, example);
  require_option("the second checkpoint's folder", second_folder, example);
  const checkpoint::Found first =
      checkpoint::open_newest(first_folder, checkpoint::Depth::contents);
  const checkpoint::Found second =
      checkpoint::open_newest(second_folder, checkpoint::Depth::contents);
  auto networks = network_sizes(first.manifest);
  networks.merge(network_sizes(second.manifest));
  for (const auto& [network, size] : networks) {
    print(network, compare_network(first, second, network));
  }
  return ExitCode::ok;
}

}  // namespace pgan::apps
