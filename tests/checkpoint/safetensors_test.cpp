#include <cstdint>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;

using Safetensors = CheckpointTest;

std::string file_of(const std::string& json, const std::string& data) {
  const std::uint64_t length = json.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + json + data;
}

TEST_F(Safetensors, RoundTripWithMetadata) {
  const TensorMap state = make_state(3);
  write_safetensors(folder_ / "a.safetensors", state, {{"architecture", "{\"a\": 1}"}});
  Metadata metadata;
  expect_equal(read_safetensors(folder_ / "a.safetensors", &metadata), state);
  EXPECT_EQ(metadata, (Metadata{{"architecture", "{\"a\": 1}"}}));
  EXPECT_FALSE(fs::exists(folder_ / "a.safetensors.partial"));
}

TEST_F(Safetensors, ReadsAFileWrittenByHand) {
  const std::string data("\x00\x00\x80\x3f\x00\x00\x00\xc0\x01", 9);  // 1, -2, true
  write_bytes(folder_ / "a", file_of(R"({"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                                     R"("y":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]}}   )",
                                     data));
  expect_equal(read_safetensors(folder_ / "a"),
               {{"x", torch::tensor({{1.0F}, {-2.0F}})}, {"y", torch::tensor(true)}});
}

TEST_F(Safetensors, RefusesHostileHeaders) {
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  const std::string data(8, '\1');
  const std::vector<std::string> files = {
      "",
      "short",
      std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8),
      std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}",
      file_of("", ""),
      file_of("[]", ""),
      file_of("{", ""),
      file_of("{}", data),
      file_of(std::string(5000, '['), ""),
      file_of(R"({"x":)" + std::string(5000, '['), ""),
      file_of(entry("F31", "[2]", "[0,8]"), data),
      file_of(entry("F32", "[3]", "[0,8]"), data),
      file_of(entry("F32", "[2]", "[0,9]"), data),
      file_of(entry("F32", "[2]", "[8,0]"), data),
      file_of(entry("F32", "[2]", "[-1,7]"), data),
      file_of(entry("F32", "[2]", "[0]"), data),
      file_of(entry("F32", "2", "[0,8]"), data),
      file_of(entry("F32", "[2.0]", "[0,8]"), data),
      file_of(entry("F32", "[-2]", "[0,8]"), data),
      file_of(entry("F32", "[-1,-2]", "[0,8]"), data),
      file_of(entry("F32", "[4294967296,4294967296,2]", "[0,8]"), data),
      file_of(entry("F64", "[2305843009213693953]", "[0,8]"), data),
      file_of(entry("F32", "[1]", "[4,8]"), data),
      file_of(entry("F32", "[1]", "[0,4]"), data),
      file_of(entry("BOOL", "[8]", "[0,8]"), std::string(8, '\2')),
      file_of(R"({"x":1})", ""),
      file_of(R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data),
      file_of(R"({"\u001b[2J":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data),
      file_of(R"({"__metadata__":{"a":1}})", ""),
      file_of(R"({"__metadata__":[]})", ""),
      // overlap, hole, the same name twice
      file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
              R"("y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
              data),
      file_of(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
              R"("y":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}})",
              data),
      file_of(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
              R"("x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
              data),
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    write_bytes(folder_ / "a", files[i]);
    EXPECT_THROW(read_safetensors(folder_ / "a"), CheckpointError) << "case " << i;
  }
  EXPECT_THROW(read_safetensors(folder_ / "missing"), CheckpointError);
  EXPECT_THROW(read_safetensors(folder_), CheckpointError);
}

TEST_F(Safetensors, AFailedWriteLeavesTheOldFile) {
  write_safetensors(folder_ / "a", {{"x", torch::ones({2})}});
  fs::create_directories(folder_ / "a.partial" / "in the way");
  EXPECT_THROW(write_safetensors(folder_ / "a", {{"x", torch::zeros({2})}}), CheckpointError);
  expect_equal(read_safetensors(folder_ / "a"), {{"x", torch::ones({2})}});
}

TEST_F(Safetensors, ReadsTheGoldenFiles) {
  const char* given = std::getenv("PGAN_TEST_DATA");
  const char* source = std::getenv("PGAN_SOURCE");
  const fs::path golden =
      (given ? fs::path(given) : fs::path(source ? source : ".") / "../shared/data") / "../golden";
  const fs::path file = golden / "progressive-8-0.3.safetensors";
  if (!fs::exists(file)) GTEST_SKIP() << "no golden file " << file;
  const TensorMap tensors = read_safetensors(file);
  EXPECT_GT(tensors.size(), 10u);
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(!tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) << name;
  }
}

}  // namespace
}  // namespace pgan::checkpoint
