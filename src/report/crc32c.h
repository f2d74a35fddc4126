#pragma once
#include <cstdint>
#include <string_view>

namespace pgan::report {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): "123456789" gives 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

/// The CRC as TFRecord stores it: rotated right by 15 and offset, so that the CRC of data that
/// holds CRCs stays strong.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace pgan::report
