#include "train/replica_check.h"

#include <map>
#include <vector>

#include <xxhash.h>

#include "comm/agree.h"
#include "core/launcher.h"

namespace pgan::train {
namespace {

std::uint64_t hash(const std::string& text) {
  return XXH3_64bits(text.data(), text.size());
}

std::uint64_t hash(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU).contiguous();
  return XXH3_64bits(values.const_data_ptr(), values.nbytes());
}

/// "name dtype [shape] hash", one a line: what a rank holds.
std::string describe(const TensorMap& state) {
  std::string text;
  for (const auto& [name, tensor] : state) {
    text += name;
    text += ' ';
    text += c10::toString(tensor.scalar_type());
    text += ' ';
    text += c10::str(tensor.sizes());
    text += ' ';
    text += std::to_string(hash(tensor));
    text += '\n';
  }
  return text;
}

/// The text that most ranks have; among equals the lowest rank's.
const std::string& usual(const std::vector<std::string>& texts) {
  std::map<std::string, int> counts;
  for (const std::string& text : texts) ++counts[text];
  const std::string* best = &texts.front();
  for (const std::string& text : texts) {
    if (counts.at(text) > counts.at(*best)) best = &text;
  }
  return *best;
}

/// First line of `text` that `expected` does not have in its place; a missing one is named.
std::string first_difference(const std::string& text, const std::string& expected) {
  std::size_t begin = 0;
  while (begin < expected.size()) {
    const std::size_t end = expected.find('\n', begin);
    if (text.compare(begin, end - begin + 1, expected, begin, end - begin + 1) != 0) {
      return expected.substr(begin, expected.find(' ', begin) - begin);
    }
    begin = end + 1;
  }
  return text.substr(begin, text.find(' ', begin) - begin);
}

}  // namespace

void check_replicas(comm::Communicator& host, const TensorMap& state, const std::string& when) {
  if (host.size() == 1) return;
  const std::string mine = describe(state);
  const torch::Tensor own = torch::full({1}, static_cast<std::int64_t>(hash(mine)), torch::kInt64);
  torch::Tensor all = torch::empty({host.size(), 1}, torch::kInt64);
  host.all_gather(own, all)->wait();
  if (all.eq(all[0]).all().item<bool>()) return;
  const std::vector<std::string> texts = comm::gather_text(host, mine);
  const std::vector<std::string> hosts = comm::gather_text(host, host_name());
  const std::string& expected = usual(texts);
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    if (texts[rank] == expected) continue;
    throw comm::AgreedError(
        ExitCode::comm, "the replicas differ " + when + ": rank " + std::to_string(rank) + " on " +
                            hosts[rank] + " has another " +
                            first_difference(texts[rank], expected) + " than " +
                            (texts.size() == 2 ? "rank 0" : "most ranks") +
                            "; if it happens again there, its memory or GPU is at fault; otherwise "
                            "resume from the last checkpoint");
  }
}

}  // namespace pgan::train
