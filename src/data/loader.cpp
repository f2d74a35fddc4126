#include "data/loader.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/noise.h"
#include "data/reals.h"

namespace pgan::data {

void LoaderOptions::visit(OptionVisitor& visitor) {
  visitor.group("Data");
  visitor.field("loader-threads", threads, "threads of each rank that prepare batches");
  visitor.field("prefetch", prefetch, "batches prepared ahead by each rank");
}

void LoaderOptions::validate() const {
  if (threads < 1 || threads > 256) {
    throw ConfigError("--loader-threads: expected 1 to 256, found " + std::to_string(threads));
  }
  if (prefetch < 1 || prefetch > 1024) {
    throw ConfigError("--prefetch: expected 1 to 1024, found " + std::to_string(prefetch));
  }
}

namespace {

/// A batch ordered, under way, or ready.
struct Slot {
  Progress before;
  StepPlan plan;
  Batch batch;
  std::exception_ptr error;
  bool ready = false;
};

}  // namespace

struct Loader::State {
  /// What the constructor was given; read by all threads, changed by none.
  struct Given {
    std::shared_ptr<const Pack> pack;
    Sampler sampler;
    std::function<StepPlan(const Progress&)> plan;
    LoaderOptions options;
    std::uint64_t seed;
    bool mirror;
  };
  explicit State(Given given_) : given(std::move(given_)) {}

  const Given given;
  mutable std::mutex mutex;
  std::condition_variable work_wanted, batch_ready;
  std::deque<std::shared_ptr<Slot>> slots;  // in step order; front is the next batch
  Progress ordered;                         // where the next slot begins
  Progress present;                         // where the next batch begins
  bool halted = false;                      // an order failed: nothing more until seek()
  bool stopping = false;
  double waited_seconds = 0;
  std::vector<std::thread> workers;

  std::shared_ptr<Slot> order();
  void run_worker();
  void fill(Slot& slot) const;
  torch::Tensor images(const Slot& slot) const;
  torch::Tensor labels_of(const Progress& before, std::span<const std::int64_t> rows) const;
};

/// Under the lock: plans the next batch. A failed plan is a ready slot that holds its error.
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
    slot->ready = halted = true;
    batch_ready.notify_all();
  }
  return slot;
}

void Loader::State::run_worker() {
  std::unique_lock lock(mutex);
  for (;;) {
    work_wanted.wait(lock, [&] {
      const bool room = slots.size() < static_cast<std::size_t>(given.options.prefetch);
      return stopping || (room && !halted);
    });
    if (stopping) return;
    const std::shared_ptr<Slot> slot = order();
    if (slot->ready) continue;
    lock.unlock();
    try {
      fill(*slot);
    } catch (...) {
      slot->error = std::current_exception();
    }
    lock.lock();
    slot->ready = true;
    batch_ready.notify_all();
  }
}

torch::Tensor Loader::State::images(const Slot& slot) const {
  const Growth& growth = slot.plan.growth;
  const std::vector<std::int64_t>& rows = slot.plan.rows.rows;
  const auto count = static_cast<std::int64_t>(rows.size());
  torch::Tensor mirrored;
  if (given.mirror) {
    mirrored =
        Noise(given.seed, slot.before.step, "mirror", slot.plan.rows, torch::kFloat64).uniform({});
  }
  torch::Tensor out =
      torch::empty({count, 3, growth.resolution, growth.resolution}, torch::kFloat32);
  float* data = out.mutable_data_ptr<float>();
  const double* flips = given.mirror ? mirrored.const_data_ptr<double>() : nullptr;
  std::vector<std::uint8_t> scratch;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t record =
        given.sampler.at(slot.before.images + rows[static_cast<std::size_t>(i)]);
    const auto pixels = given.pack->pixels(record, growth.resolution, scratch);
    fill_real(pixels, growth, given.mirror && flips[i] < 0.5,
              data + i * 3 * growth.resolution * growth.resolution);
  }
  return out;
}

torch::Tensor Loader::State::labels_of(const Progress& before,
                                       std::span<const std::int64_t> rows) const {
  const std::int64_t width = given.pack->labels().size(1);
  torch::Tensor out =
      torch::empty({static_cast<std::int64_t>(rows.size()), width}, torch::kFloat32);
  if (width == 0) return out;
  const float* from = given.pack->labels().const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  for (const std::int64_t row : rows) {
    const std::int64_t record = given.sampler.at(before.images + row);
    std::memcpy(to, from + record * width, static_cast<std::size_t>(width) * sizeof(float));
    to += width;
  }
  return out;
}

void Loader::State::fill(Slot& slot) const {
  std::vector<std::int64_t> all(static_cast<std::size_t>(slot.plan.rows.global));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  slot.batch.data["images"] = images(slot);
  slot.batch.labels = labels_of(slot.before, slot.plan.rows.rows);
  slot.batch.global_labels = labels_of(slot.before, all);
  slot.batch.rows = slot.plan.rows;
}

Loader::Loader(std::shared_ptr<const Pack> pack, Sampler sampler,
               std::function<StepPlan(const Progress& before)> plan, LoaderOptions options,
               std::uint64_t seed, bool mirror) {
  options.validate();
  if (sampler.records() != pack->info().count) {
    throw DataError("loader: the sampler has " + std::to_string(sampler.records()) +
                    " records, the pack " + std::to_string(pack->info().count));
  }
  state_ = std::make_unique<State>(State::Given{.pack = std::move(pack),
                                                .sampler = sampler,
                                                .plan = std::move(plan),
                                                .options = options,
                                                .seed = seed,
                                                .mirror = mirror});
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
  for (auto i = static_cast<std::int64_t>(state.workers.size()); i < state.given.options.threads;
       ++i) {
    state.workers.emplace_back([&state] { state.run_worker(); });
  }
  const auto ready = [&] { return !state.slots.empty() && state.slots.front()->ready; };
  if (!ready()) {
    const auto begin = std::chrono::steady_clock::now();
    state.batch_ready.wait(lock, ready);
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

Progress Loader::progress() const {
  const std::lock_guard lock(state_->mutex);
  return state_->present;
}

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited_seconds;
}

}  // namespace pgan::data
