#include "train/coordinator.h"

#include <algorithm>

namespace pgan::train {
namespace {

enum Slot : std::int64_t {
  kStop,
  kSave,
  kWriting,
  kResident,
  kSeconds,
  kSlots = kSeconds + kParts
};

}  // namespace

Coordinator::Coordinator(comm::Communicator& host)
    : host_(host),
      own_(torch::zeros({kSlots}, torch::kFloat64)),
      all_(torch::zeros({host.size(), kSlots}, torch::kFloat64)) {}

void Coordinator::post(const LocalStatus& status) {
  double* slot = own_.mutable_data_ptr<double>();
  slot[kStop] = status.stop_requested ? 1 : 0;
  slot[kSave] = status.save_wanted ? 1 : 0;
  slot[kWriting] = static_cast<double>(status.writing);
  std::ranges::copy(status.seconds, slot + kSeconds);
  slot[kResident] = status.resident_bytes;
  work_ = host_.all_gather(own_, all_);
}

Directive Coordinator::collect() {
  work_->wait();
  work_.reset();
  using Writing = checkpoint::Store::Writing;
  Directive directive;
  bool all_synced = true;
  for (int rank = 0; rank < host_.size(); ++rank) {
    const double* slot = all_.const_data_ptr<double>() + rank * kSlots;
    const auto writing = static_cast<Writing>(static_cast<int>(slot[kWriting]));
    if (slot[kStop] != 0 && !directive.stop) directive.stop = true, directive.stop_rank = rank;
    directive.begin_checkpoint = directive.begin_checkpoint || slot[kSave] != 0;
    directive.writer_busy = directive.writer_busy || writing == Writing::writing;
    all_synced = all_synced && writing == Writing::synced;
    if (writing == Writing::failed && directive.write_failed_rank < 0)
      directive.write_failed_rank = rank;
    std::copy_n(slot + kSeconds, kParts, directive.seconds.emplace_back().begin());
    directive.resident_bytes = std::max(directive.resident_bytes, slot[kResident]);
  }
  directive.commit_checkpoint = all_synced;
  return directive;
}

}  // namespace pgan::train
