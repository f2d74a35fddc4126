#include <fcntl.h>
#include <lmdb.h>

#include <gmock/gmock.h>

#include "data/import_fixtures.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// `count` images of `size` pixels a side; pixel p of image i is i + p.
std::string idx_images(std::uint32_t count, std::uint32_t size, std::uint32_t magic = 0x803) {
  std::string out =
      number_be(magic, 4) + number_be(count, 4) + number_be(size, 4) + number_be(size, 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t p = 0; p < size * size; ++p) out += static_cast<char>(i + p);
  }
  return out;
}

std::string idx_labels(const std::string& labels) {
  return number_be(0x801, 4) + number_be(labels.size(), 4) + labels;
}

void make_mnist(const TempFolder& folder) {
  write_text(folder / "train-images-idx3-ubyte.gz", gzipped(idx_images(3, 28)));
  write_text(folder / "train-labels-idx1-ubyte.gz", gzipped(idx_labels("\1\7\2")));
  write_text(folder / "t10k-images.idx3-ubyte", idx_images(2, 28));
  write_text(folder / "t10k-labels.idx1-ubyte", idx_labels(std::string("\0\5", 2)));
}

std::string fault_of(const TempFolder& folder) {
  return message_of([&] { list_sources(folder.path()); });
}

TEST(MnistImporter, ReadsPlainAndGz) {
  const TempFolder folder;
  make_mnist(folder);
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "mnist");
  EXPECT_EQ(listing.native, 28);
  EXPECT_EQ(listing.canvas, 32);
  EXPECT_EQ(listing.resolution, 32);
  EXPECT_TRUE(listing.has_split);
  EXPECT_EQ(listing.label_names.size(), 10u);
  EXPECT_THAT(keys_of(listing), ElementsAre("test/00000000", "test/00000001", "train/00000000",
                                            "train/00000001", "train/00000002"));
  EXPECT_EQ(listing.sources[3].labels[7], 1.0f);
  EXPECT_EQ(listing.sources[1].labels[5], 1.0f);
  EXPECT_EQ(listing.sources[1].split, Split::test);
  const torch::Tensor picture = listing.pictures->read(listing.sources[4], {});
  ASSERT_EQ(picture.sizes(), (std::vector<std::int64_t>{28, 28, 3}));
  EXPECT_EQ(picture[1][2][0].item<int>(), 2 + 28 + 2);
  EXPECT_EQ(picture[1][2][2].item<int>(), 2 + 28 + 2);
  EXPECT_EQ(listing.pictures->read(listing.sources[0], {})[0][3][1].item<int>(), 3);
}

TEST(MnistImporter, OtherSizesAndLabels) {
  const TempFolder folder;
  write_text(folder / "emnist-letters-train-images-idx3-ubyte", idx_images(2, 16));
  write_text(folder / "emnist-letters-train-labels-idx1-ubyte", idx_labels("\1\x1A"));
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.native, 0);
  EXPECT_EQ(listing.canvas, 0);
  EXPECT_EQ(listing.resolution, 16);
  EXPECT_EQ(listing.label_names.size(), 26u);
  EXPECT_EQ(listing.label_names[0], "1");
  EXPECT_FALSE(listing.has_split);
  // EMNIST's are stored column by column.
  EXPECT_EQ(listing.pictures->read(listing.sources[0], {})[3][1][0].item<int>(), 16 + 3);
}

TEST(MnistImporter, SeveralSetsAreToldApart) {
  const TempFolder folder;
  for (const char* set : {"emnist-digits", "emnist-mnist"}) {
    write_text(folder / (std::string(set) + "-train-images-idx3-ubyte"), idx_images(1, 28));
  }
  EXPECT_THAT(fault_of(folder), HasSubstr("several sets (emnist-digits, emnist-mnist)"));
  const Listing listing = list_sources(folder / "emnist-mnist-train-images-idx3-ubyte");
  EXPECT_EQ(listing.sources.size(), 1u);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("no file of labels")));
}

TEST(MnistImporter, KeepsWhatIsWholeOfACutFile) {
  const TempFolder folder;
  make_mnist(folder);
  const std::string images = idx_images(3, 28);
  write_text(folder / "train-images-idx3-ubyte.gz", gzipped(images.substr(0, images.size() - 1)));
  Listing listing = list_sources(folder.path());
  EXPECT_EQ(count_split(listing, Split::train), 2);
  EXPECT_THAT(skipped_of(listing), ElementsAre(HasSubstr("ends after 2 of 3 pictures")));
  std::string cut(4000, ' ');  // cannot be compressed away, so that the cut falls into the images
  std::uint32_t state = 1;
  for (char& c : cut) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  cut = gzipped(number_be(0x803, 4) + number_be(3, 4) + number_be(28, 4) + number_be(28, 4) + cut);
  write_text(folder / "train-images-idx3-ubyte.gz", cut.substr(0, 1800));
  listing = list_sources(folder.path());
  EXPECT_EQ(count_split(listing, Split::train), 2);
  EXPECT_EQ(listing.skipped.size(), 1u);
}

TEST(MnistImporter, RefusesDamagedFiles) {
  const TempFolder folder;
  make_mnist(folder);
  const std::string name = "train-images-idx3-ubyte.gz";
  write_text(folder / name, idx_images(3, 28, 0x801));
  EXPECT_THAT(fault_of(folder), HasSubstr("expected the magic number 2051"));
  write_text(folder / name, gzipped("\0\0"));
  EXPECT_THAT(fault_of(folder), HasSubstr("ends within its header"));
  write_text(folder / name, idx_images(0, 28).replace(4, 4, "\xFF\xFF\xFF\xFF"));
  EXPECT_THAT(fault_of(folder), HasSubstr("declares 4294967295 items"));
  write_text(folder / name, idx_images(0, 2000));
  EXPECT_THAT(fault_of(folder), HasSubstr("sides from 1 to 1024"));
  write_text(folder / name, idx_images(0, 0));
  EXPECT_THAT(fault_of(folder), HasSubstr("sides from 1 to 1024"));
  std::string bad_sum = gzipped(idx_images(3, 28));
  bad_sum[bad_sum.size() - 6] ^= 1;
  write_text(folder / name, bad_sum);
  EXPECT_THAT(fault_of(folder), HasSubstr("damaged"));
  write_text(folder / name, idx_images(4, 28));
  EXPECT_THAT(fault_of(folder), HasSubstr("expected the labels of 4 images, found 3"));
  write_text(folder / name, idx_images(3, 27));
  EXPECT_THAT(fault_of(folder), HasSubstr("expected 27x27"));
}

TEST(MnistImporter, RealOnes) {
  const fs::path root = test_data() / "mnist_idx";
  PGAN_NEEDS_TEST_DATA(root);
  const Listing listing = list_sources(root);
  EXPECT_EQ(listing.layout, "mnist");
  ASSERT_EQ(listing.sources.size(), 70'000u);
  EXPECT_EQ(count_split(listing, Split::test), 10'000);
  std::vector<int> of_class(10);
  for (const Source& source : listing.sources) {
    if (source.split != Split::train) continue;
    for (std::size_t c = 0; c < 10; ++c) of_class[c] += source.labels[c] == 1.0f;
  }
  EXPECT_THAT(of_class, ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  const auto sum = [&](std::size_t i) {
    return listing.pictures->read(listing.sources[i], {}).sum().item<std::int64_t>();
  };
  EXPECT_EQ(sum(10'000), 3 * 27525);  // the first for training
  EXPECT_EQ(sum(69'999), 3 * 20920);
  EXPECT_EQ(sum(0), 3 * 18454);
}

std::string cifar_record(int label_bytes, char label, char red, char green, char blue) {
  return std::string(static_cast<std::size_t>(label_bytes), label) + std::string(1024, red) +
         std::string(1024, green) + std::string(1024, blue);
}

TEST(CifarImporter, ReadsRecords) {
  const TempFolder folder;
  write_text(folder / "batches.meta.txt",
             "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  write_text(folder / "data_batch_1.bin", cifar_record(1, 3, 1, 2, 3) +
                                              cifar_record(1, 77, 0, 0, 0) +
                                              cifar_record(1, 9, 4, 5, 6) + "cut");
  write_text(folder / "test_batch.bin", cifar_record(1, 0, 7, 8, 9));
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "cifar10");
  EXPECT_THAT(keys_of(listing),
              ElementsAre("data_batch_1/00000000", "data_batch_1/00000002", "test_batch/00000000"));
  EXPECT_EQ(listing.label_names[3], "cat");
  EXPECT_EQ(listing.sources[0].labels[3], 1.0f);
  EXPECT_EQ(listing.resolution, 32);
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::train, Split::train, Split::test));
  for (std::size_t i = 0; i < 3; ++i) {
    const torch::Tensor picture = listing.pictures->read(listing.sources[i], {});
    ASSERT_EQ(picture.sizes(), (std::vector<std::int64_t>{32, 32, 3}));
    for (std::int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(picture[31][31][c].item<int>(), static_cast<int>(3 * i) + c + 1);
    }
  }
  EXPECT_THAT(skipped_of(listing),
              ElementsAre(HasSubstr("data_batch_1/00000001: expected a label below 10, found 77"),
                          HasSubstr("data_batch_1.bin: ends within record 3")));
}

TEST(CifarImporter, ReadsHundredClasses) {
  const TempFolder folder;
  std::string names;
  for (int i = 0; i < 100; ++i) names += "class" + std::to_string(i) + "\n";
  fs::create_directory(folder / "cifar-100-binary");
  write_text(folder / "cifar-100-binary/fine_label_names.txt", names);
  write_text(folder / "cifar-100-binary/train.bin", cifar_record(2, 42, 1, 2, 3));
  const Listing listing = list_sources(folder.path());
  ASSERT_EQ(listing.sources.size(), 1u);
  EXPECT_EQ(listing.sources[0].labels[42], 1.0f);
  EXPECT_EQ(listing.pictures->read(listing.sources[0], {})[0][0][2].item<int>(), 3);
}

void write_lmdb(const fs::path& folder,
                const std::vector<std::pair<std::string, std::string>>& records) {
  fs::create_directories(folder);
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi database = 0;
  ASSERT_EQ(mdb_env_create(&environment), 0);
  ASSERT_EQ(mdb_env_open(environment, folder.c_str(), MDB_NOLOCK, 0644), 0);
  ASSERT_EQ(mdb_txn_begin(environment, nullptr, 0, &transaction), 0);
  ASSERT_EQ(mdb_dbi_open(transaction, nullptr, 0, &database), 0);
  for (auto [key, value] : records) {
    MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
    ASSERT_EQ(mdb_put(transaction, database, &k, &v, 0), 0);
  }
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(environment);
}

TEST(LsunImporter, ReadsOneFolder) {
  const TempFolder folder;
  write_lmdb(folder / "church_outdoor_val_lmdb", {{"b", tiny_ppm(4, 4)}, {"a", ""}});
  const Listing listing = list_sources(folder / "church_outdoor_val_lmdb/");
  EXPECT_EQ(listing.layout, "lsun");
  EXPECT_THAT(keys_of(listing), ElementsAre("a", "b"));
  EXPECT_THAT(listing.label_names, IsEmpty());
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::validation, Split::validation));
  EXPECT_EQ(listing.pictures->read(listing.sources[1], {})[0][0][0].item<int>(), 4);
  EXPECT_THAT(message_of([&] { listing.pictures->read(listing.sources[0], {}); }),
              HasSubstr("empty"));
}

TEST(LsunImporter, SeveralCategoriesAreClasses) {
  const TempFolder folder;
  write_lmdb(folder / "bedroom_train_lmdb", {{"1", tiny_ppm(1, 1)}, {"2", tiny_ppm(2, 2)}});
  write_lmdb(folder / "bedroom_val_lmdb", {{"1", tiny_ppm(3, 3)}});
  write_lmdb(folder / "tower_train_lmdb", {{"1", tiny_ppm(4, 4)}});
  write_lmdb(folder / "test_lmdb", {{"1", tiny_ppm(5, 5)}});
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(keys_of(listing), ElementsAre("bedroom_train_lmdb/1", "bedroom_train_lmdb/2",
                                            "bedroom_val_lmdb/1", "tower_train_lmdb/1"));
  EXPECT_THAT(listing.label_names, ElementsAre("bedroom", "tower"));
  EXPECT_THAT(listing.sources[3].labels, ElementsAre(0.0f, 1.0f));
  EXPECT_EQ(listing.sources[2].split, Split::validation);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("of no category, e.g. test_lmdb")));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(listing.pictures->read(listing.sources[i], {})[0][0][0].item<int>(), i + 1);
  }
}

TEST(LsunImporter, RefusesDamagedDatabases) {
  const TempFolder folder;
  const std::string name = "x_train_lmdb";
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 50; ++i)
    records.push_back({"key" + std::to_string(i), std::string(3000, 'x')});
  write_lmdb(folder / name, records);
  const std::string whole = read_text(folder / name / "data.mdb");
  EXPECT_EQ(list_sources(folder.path()).sources.size(), 50u);
  write_text(folder / name / "data.mdb", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(fault_of(folder), HasSubstr("cut short"));
  write_text(folder / name / "data.mdb", whole.substr(0, 100));
  EXPECT_THAT(fault_of(folder), HasSubstr("no readable LMDB"));
  write_text(folder / name / "data.mdb", "");
  EXPECT_THAT(fault_of(folder), HasSubstr("no readable LMDB"));
  write_text(folder / name / "data.mdb", std::string(100'000, 'n'));
  EXPECT_THAT(fault_of(folder), HasSubstr("no readable LMDB"));
}

}  // namespace
}  // namespace pgan::data
