#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/noise.h"
#include "data/batch_buffers.h"
#include "data/reals.h"
#include "data/row_reader.h"

namespace pgan::data {

void LoaderOptions::visit(OptionVisitor& visitor) {
  visitor.group("Data");
  visitor.field("loader-threads", threads, "threads of each rank that prepare batches");
  visitor.field("prefetch", prefetch,
                "batches prepared ahead by each rank, whatever they take; 0: as many as it takes "
                "never to wait");
  visitor.field("prefetch-mib", prefetch_mib,
                "MiB that batches prepared ahead may take (two batches always)");
}

void LoaderOptions::validate() const {
  if (threads < 1 || threads > 256) {
    throw ConfigError("--loader-threads: expected 1 to 256, found " + std::to_string(threads));
  }
  if (prefetch < 0 || prefetch > 1024) {
    throw ConfigError("--prefetch: expected 0 to 1024, found " + std::to_string(prefetch));
  }
  if (prefetch_mib < 1 || prefetch_mib > 1 << 20) {
    throw ConfigError("--prefetch-mib: expected 1 to 1048576, found " +
                      std::to_string(prefetch_mib));
  }
}

namespace {

constexpr std::int64_t kFewestAhead = 2, kMostAhead = 64;

/// A batch ordered, under way, or ready. Members below the line are guarded by the loader's mutex.
struct Slot {
  Progress before;
  StepPlan plan;
  Batch batch;
  std::vector<float*> images;          // of each stream, in batch
  std::vector<std::uint8_t> mirrored;  // by row

  bool laid_out = false;
  std::int64_t taken = 0, done = 0;  // rows
  std::exception_ptr error;

  std::int64_t rows() const { return std::ssize(plan.rows.rows); }
  bool ready() const { return error != nullptr || (laid_out && done == rows()); }
  bool has_work() const { return error == nullptr && laid_out && taken < rows(); }
};

/// Rows that a thread takes at once: enough that taking them costs nothing beside.
std::int64_t rows_at_once(std::int64_t resolution) {
  constexpr std::int64_t kPixels = 1 << 16;
  return std::max<std::int64_t>(1, kPixels / (resolution * resolution));
}

}  // namespace

struct Loader::State {
  /// What the constructor was given; read by all threads, changed by none.
  struct Given {
    std::function<StepPlan(const Progress&)> plan;
    LoaderOptions options;
    std::uint64_t seed;
    bool mirror, pinned;
  };
  State(Given given_, std::shared_ptr<const Pack> pack, std::vector<Stream> streams)
      : given(std::move(given_)),
        reader(std::move(pack), std::move(streams), given.seed),
        buffers(2 * reader.streams().size()),
        depth(given.options.prefetch > 0 ? given.options.prefetch : kFewestAhead) {}

  const Given given;
  RowReader reader;
  BatchBuffers buffers;
  mutable std::mutex mutex;
  std::condition_variable work_wanted, batch_ready;
  std::deque<std::shared_ptr<Slot>> slots;  // in step order; front is the next batch
  Progress ordered;                         // where the next slot begins
  Progress present;                         // where the next batch begins
  std::int64_t depth;                       // slots to keep
  bool halted = false;                      // an order failed: nothing more until seek()
  bool stopping = false;
  double waited_seconds = 0;
  std::vector<std::thread> workers;

  void run_worker();
  bool can_order() const;
  std::shared_ptr<Slot> order();
  std::shared_ptr<Slot> find_work() const;
  void lay_out(Slot& slot);
  void fill_rows(Slot& slot, std::int64_t begin, std::int64_t end,
                 std::vector<std::uint8_t>& scratch);
  torch::Tensor labels_of_all(const Slot& slot) const;
  void copy_labels(std::int64_t record, torch::Tensor& to, std::int64_t row) const;
  std::int64_t bytes_of(const Slot& slot) const;
};

std::int64_t Loader::State::bytes_of(const Slot& slot) const {
  const std::int64_t side = slot.plan.growth.resolution;
  return slot.rows() * std::ssize(reader.streams()) * 3 * side * side * 4;
}

bool Loader::State::can_order() const {
  if (halted || std::ssize(slots) >= depth) return false;
  if (given.options.prefetch > 0 || std::ssize(slots) < kFewestAhead) return true;
  std::int64_t bytes = bytes_of(*slots.back());  // the next will be about as large
  for (const auto& slot : slots) bytes += bytes_of(*slot);
  return bytes <= given.options.prefetch_mib << 20;
}

/// Plans the next batch. A failed plan is a ready slot that holds its error.
std::shared_ptr<Slot> Loader::State::order() {
  auto slot = std::make_shared<Slot>();
  slot->before = ordered;
  slots.push_back(slot);
  try {
    slot->plan = given.plan(ordered);
    if (slot->plan.rows.global < 1) throw Error(ExitCode::internal, "loader: a step without rows");
    ordered.step += 1;
    ordered.images += slot->plan.rows.global;
  } catch (...) {
    slot->error = std::current_exception();
    halted = true;
    batch_ready.notify_all();
  }
  return slot;
}

std::shared_ptr<Slot> Loader::State::find_work() const {
  const auto found = std::ranges::find_if(slots, [](const auto& slot) { return slot->has_work(); });
  return found == slots.end() ? nullptr : *found;
}

/// The threads share out the rows of the earliest batch, so that it is ready as soon as can be.
void Loader::State::run_worker() {
  std::vector<std::uint8_t> scratch;
  std::unique_lock lock(mutex);
  for (;;) {
    work_wanted.wait(lock, [&] { return stopping || find_work() != nullptr || can_order(); });
    if (stopping) return;
    std::shared_ptr<Slot> slot = find_work();
    const bool fresh = slot == nullptr;
    if (fresh) slot = order();
    if (slot->error) continue;
    const std::int64_t begin = slot->taken;
    const std::int64_t end =
        std::min(slot->rows(), begin + rows_at_once(slot->plan.growth.resolution));
    if (!fresh) slot->taken = end;
    std::exception_ptr error;
    lock.unlock();
    try {
      if (fresh) {
        lay_out(*slot);
      } else {
        fill_rows(*slot, begin, end, scratch);
      }
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !slot->error) slot->error = error;
    if (fresh) {
      slot->laid_out = true;
      work_wanted.notify_all();
    } else {
      slot->done += end - begin;
    }
    if (slot->ready()) batch_ready.notify_all();
  }
}

/// Everything of a batch but its pixels, and the labels that come with them.
void Loader::State::lay_out(Slot& slot) {
  const RowShare& rows = slot.plan.rows;
  const std::int64_t side = slot.plan.growth.resolution;
  reader.pack().require_level(side);
  const auto pinned = torch::dtype(torch::kFloat32).pinned_memory(true);
  const std::vector<std::int64_t> sizes = {slot.rows(), 3, side, side};
  for (const Stream& stream : reader.streams()) {
    torch::Tensor images = given.pinned ? torch::empty(sizes, pinned) : buffers.make(sizes);
    slot.images.push_back(images.mutable_data_ptr<float>());
    slot.batch.data[stream.entry] = std::move(images);
  }
  slot.mirrored.assign(rows.rows.size(), 0);
  if (given.mirror) {
    const torch::Tensor draws =
        Noise(given.seed, slot.before.step, "mirror", rows, torch::kFloat64).uniform({});
    const double* draw = draws.const_data_ptr<double>();
    for (std::size_t i = 0; i < slot.mirrored.size(); ++i) slot.mirrored[i] = draw[i] < 0.5;
  }
  slot.batch.labels = torch::empty({slot.rows(), reader.pack().labels().size(1)});
  slot.batch.global_labels = labels_of_all(slot);
  slot.batch.rows = rows;
}

void Loader::State::fill_rows(Slot& slot, std::int64_t begin, std::int64_t end,
                              std::vector<std::uint8_t>& scratch) {
  const Growth& growth = slot.plan.growth;
  const std::int64_t area = 3 * growth.resolution * growth.resolution;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t position =
        slot.before.images + slot.plan.rows.rows[static_cast<std::size_t>(i)];
    const bool mirror = slot.mirrored[static_cast<std::size_t>(i)] != 0;
    const auto take = [&](std::size_t stream, std::span<const std::uint8_t> pixels) {
      fill_real(pixels, growth, mirror, slot.images[stream] + i * area);
    };
    const std::int64_t record = reader.read(position, growth.resolution, scratch, take);
    copy_labels(record, slot.batch.labels, i);
  }
}

torch::Tensor Loader::State::labels_of_all(const Slot& slot) const {
  const std::int64_t rows = slot.plan.rows.global, width = reader.pack().labels().size(1);
  torch::Tensor out = torch::empty({rows, width}, torch::kFloat32);
  for (std::int64_t row = 0; width > 0 && row < rows; ++row) {
    const std::int64_t position = slot.before.images + row;
    copy_labels(reader.record_at(reader.streams()[0], position), out, row);
  }
  return out;
}

void Loader::State::copy_labels(std::int64_t record, torch::Tensor& to, std::int64_t row) const {
  const torch::Tensor& known = reader.pack().labels();
  const std::int64_t width = known.size(1);
  if (width == 0) return;
  std::memcpy(to.mutable_data_ptr<float>() + row * width,
              known.const_data_ptr<float>() + record * width,
              static_cast<std::size_t>(width) * sizeof(float));
}

Loader::Loader(std::shared_ptr<const Pack> pack, std::vector<Stream> streams,
               std::function<StepPlan(const Progress& before)> plan, LoaderOptions options,
               std::uint64_t seed, bool mirror, bool pinned) {
  options.validate();
  state_ = std::make_unique<State>(State::Given{.plan = std::move(plan),
                                                .options = options,
                                                .seed = seed,
                                                .mirror = mirror,
                                                .pinned = pinned},
                                   std::move(pack), std::move(streams));
}

Loader::~Loader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_wanted.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

void Loader::seek(Progress progress) {
  const std::lock_guard lock(state_->mutex);
  // Workers keep what they are filling alive; it is dropped when they are done.
  state_->slots.clear();
  state_->present = state_->ordered = progress;
  state_->halted = false;
  state_->work_wanted.notify_all();
}

Batch Loader::next() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  // Not in the constructor: a resumed run seeks first, and batches before that would be for
  // nothing.
  const bool first = state.workers.empty();
  for (auto i = std::ssize(state.workers); i < state.given.options.threads; ++i) {
    state.workers.emplace_back([&state] { state.run_worker(); });
  }
  const auto is_ready = [&] { return !state.slots.empty() && state.slots.front()->ready(); };
  if (!is_ready()) {
    if (!first && state.given.options.prefetch == 0) {
      state.depth = std::min(state.depth + 1, kMostAhead);
    }
    const auto begin = std::chrono::steady_clock::now();
    state.batch_ready.wait(lock, is_ready);
    state.waited_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  const std::shared_ptr<Slot> slot = state.slots.front();
  if (slot->error) std::rethrow_exception(slot->error);
  state.slots.pop_front();
  state.present = {slot->before.step + 1, slot->before.images + slot->plan.rows.global};
  state.work_wanted.notify_all();
  return std::move(slot->batch);
}

bool Loader::ready() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->slots.empty() && state_->slots.front()->ready();
}

std::vector<std::string> Loader::take_reports() {
  return state_->reader.take_reports();
}

std::int64_t Loader::depth() const {
  const std::lock_guard lock(state_->mutex);
  return state_->depth;
}

Progress Loader::progress() const {
  const std::lock_guard lock(state_->mutex);
  return state_->present;
}

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited_seconds;
}

}  // namespace pgan::data
