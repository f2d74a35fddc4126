#include "train/coordinator.h"

#include <algorithm>

namespace pgan::train {
namespace {

enum Slot : std::int64_t { kStop, kSave, kWriting, kDataWait, kRankWait, kResident, kSlots };

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
  slot[kDataWait] = status.data_wait_seconds;
  slot[kRankWait] = status.rank_wait_seconds;
  slot[kResident] = status.resident_bytes;
  work_ = host_.all_gather(own_, all_);
}

Directive Coordinator::collect() {
  work_->wait();
  using Writing = checkpoint::Store::Writing;
  Directive directive;
  bool all_synced = true;
  for (int rank = 0; rank < host_.size(); ++rank) {
    const double* slot = all_.const_data_ptr<double>() + rank * kSlots;
    const auto writing = static_cast<Writing>(static_cast<int>(slot[kWriting]));
    directive.stop = directive.stop || slot[kStop] != 0;
    directive.begin_checkpoint = directive.begin_checkpoint || slot[kSave] != 0;
    directive.writer_busy = directive.writer_busy || writing == Writing::writing;
    all_synced = all_synced && writing == Writing::synced;
    if (writing == Writing::failed && directive.write_failed_rank < 0)
      directive.write_failed_rank = rank;
    directive.data_wait_seconds = std::max(directive.data_wait_seconds, slot[kDataWait]);
    directive.rank_wait_seconds = std::max(directive.rank_wait_seconds, slot[kRankWait]);
    directive.resident_bytes = std::max(directive.resident_bytes, slot[kResident]);
  }
  directive.commit_checkpoint = all_synced;
  return directive;
}

}  // namespace pgan::train
