#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "core/error.h"

namespace pgan::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// A reader under test: reads the bytes as a user's file would be read.
using Read = void (*)(Bytes input);

struct Target {
  const char* name;  ///< of its .cpp, its program, and its folder of regressions
  Read read;
  ExitCode refusal;  ///< the family of its errors; any other exception is a bug
};

/// One a file of this folder; `name` is the file's.
void read_cifar(Bytes input);
void read_dataset_json(Bytes input);
void read_idx(Bytes input);
void read_ledger(Bytes input);
void read_manifest(Bytes input);
void read_pack(Bytes input);
void read_pack_info(Bytes input);
void read_picture(Bytes input);
void read_picture_header(Bytes input);
void read_safetensors(Bytes input);
void read_square(Bytes input);
void read_tables(Bytes input);
void read_tar(Bytes input);
void read_zip(Bytes input);

inline constexpr Target kTargets[] = {
    {"cifar", read_cifar, ExitCode::data},
    {"dataset_json", read_dataset_json, ExitCode::data},
    {"idx", read_idx, ExitCode::data},
    {"ledger", read_ledger, ExitCode::data},
    {"manifest", read_manifest, ExitCode::checkpoint},
    {"pack", read_pack, ExitCode::data},
    {"pack_info", read_pack_info, ExitCode::data},
    {"picture", read_picture, ExitCode::data},
    {"picture_header", read_picture_header, ExitCode::data},
    {"safetensors", read_safetensors, ExitCode::checkpoint},
    {"square", read_square, ExitCode::data},
    {"tables", read_tables, ExitCode::data},
    {"tar", read_tar, ExitCode::data},
    {"zip", read_zip, ExitCode::data},
};

/// Ends the process unless `fine`: the reader broke a promise of its header.
void require(bool fine, const char* promise);
/// The same unless a message is what core/error.h promises: one line, safe to show on a terminal.
void require_line(const std::string& message);
/// Lets a target read. It may refuse the input with an error of its family; whatever else it throws
/// leaves this function.
void run(const Target& target, Bytes input);

}  // namespace pgan::fuzz
