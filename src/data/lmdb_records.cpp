#include "data/lmdb_records.h"

#include <system_error>

#include <lmdb.h>

#include "core/error.h"
#include "data/printable.h"

namespace pgan::data {

struct LmdbRecords::Handles {
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;

  ~Handles() {
    if (transaction != nullptr) mdb_txn_abort(transaction);
    if (environment != nullptr) mdb_env_close(environment);
  }
};

namespace {

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};

void check(int code, const std::filesystem::path& folder) {
  if (code == MDB_SUCCESS) return;
  throw DataError(printable(folder.string()) +
                  ": no readable LMDB database: " + mdb_strerror(code));
}

/// LMDB maps the file without asking for its length: pages behind its end would end the process.
void check_length(MDB_env* environment, const std::filesystem::path& folder) {
  MDB_envinfo info;
  MDB_stat stat;
  check(mdb_env_info(environment, &info), folder);
  check(mdb_env_stat(environment, &stat), folder);
  const std::uintmax_t length = std::filesystem::file_size(folder / "data.mdb");
  if (length / stat.ms_psize <= info.me_last_pgno) {
    throw DataError(printable((folder / "data.mdb").string()) + ": cut short: expected " +
                    std::to_string(info.me_last_pgno + 1) + " pages of " +
                    std::to_string(stat.ms_psize) + " bytes, found " +
                    std::to_string(length / stat.ms_psize) + "; get it anew");
  }
}

}  // namespace

LmdbRecords::LmdbRecords(const std::filesystem::path& folder)
    : handles_(std::make_unique<Handles>()) {
  check(mdb_env_create(&handles_->environment), folder);
  check(mdb_env_open(handles_->environment, folder.c_str(), MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0),
        folder);
  check_length(handles_->environment, folder);
  check(mdb_txn_begin(handles_->environment, nullptr, MDB_RDONLY, &handles_->transaction), folder);
  MDB_dbi database = 0;
  check(mdb_dbi_open(handles_->transaction, nullptr, 0, &database), folder);
  MDB_stat stat;
  check(mdb_stat(handles_->transaction, database, &stat), folder);
  MDB_cursor* raw = nullptr;
  check(mdb_cursor_open(handles_->transaction, database, &raw), folder);
  const std::unique_ptr<MDB_cursor, CloseCursor> cursor(raw);
  MDB_val key, value;
  int code = 0;
  while ((code = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    records_.push_back({std::string(static_cast<const char*>(key.mv_data), key.mv_size),
                        {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size}});
    if (records_.size() > stat.ms_entries) {
      throw DataError(printable(folder.string()) + ": damaged: more records than it declares");
    }
  }
  if (code != MDB_NOTFOUND) check(code, folder);
}

LmdbRecords::~LmdbRecords() = default;
LmdbRecords::LmdbRecords(LmdbRecords&&) noexcept = default;

}  // namespace pgan::data
