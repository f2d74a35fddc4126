#pragma once
#include <filesystem>

#include "data/importer.h"

namespace pgan::data {

// One pair a layout, of importers(): see Importer for what they promise.

bool recognises_celeba(const std::filesystem::path& root);
/// img_align_celeba/ (or images/, img_celeba/), list_attr_celeba and, where present,
/// list_eval_partition, .txt or .csv, also in Anno/ and Eval/; joined by file name, -1/1 become
/// 0/1.
Listing list_celeba(const std::filesystem::path& root);

bool recognises_celeba_hq(const std::filesystem::path& root);
/// CelebA's tables, or CelebAMask-HQ-attribute-anno.txt, with CelebA-HQ-img/ (or celeba-hq/,
/// data1024x1024/).
Listing list_celeba_hq(const std::filesystem::path& root);

bool recognises_ffhq(const std::filesystem::path& root);
/// images1024x1024/ or thumbnails128x128/; by number, the first 60,000 train, the rest is for
/// validation (Karras et al. 2019, appendix A).
Listing list_ffhq(const std::filesystem::path& root);

bool recognises_stylegan(const std::filesystem::path& root);
/// A zip of pictures, or such a zip unpacked: labels from dataset.json ("labels": null, or
/// [[path, class], ...], or [[path, [numbers]], ...]). A zip without dataset.json is read as a
/// folder of its names.
Listing list_stylegan(const std::filesystem::path& root);

bool recognises_mnist(const std::filesystem::path& root);
/// IDX files (MNIST, Fashion-MNIST, KMNIST, EMNIST), plain or .gz: train and t10k (or test), labels
/// where present. root: the folder, or one file of images where the folder holds several sets.
Listing list_mnist(const std::filesystem::path& root);

bool recognises_cifar(const std::filesystem::path& root);
/// CIFAR-10 (data_batch_*.bin, test_batch.bin) or CIFAR-100 (train.bin, test.bin, fine labels).
Listing list_cifar(const std::filesystem::path& root);

bool recognises_lsun(const std::filesystem::path& root);
/// A <category>_<split>_lmdb folder or a folder of them; several categories are classes.
Listing list_lsun(const std::filesystem::path& root);

bool recognises_unpaired(const std::filesystem::path& root);
/// trainA/ trainB/, also valA/ valB/ testA/ testB/: domains a and b. When named by --layout, any
/// two folders: a domain each.
Listing list_unpaired(const std::filesystem::path& root);

bool recognises_captions(const std::filesystem::path& root);
/// A CSV with an image and a caption column, or Flickr8k's image.jpg#0<TAB>caption; the pictures
/// anywhere below the folder.
Listing list_captions(const std::filesystem::path& root);

bool recognises_table(const std::filesystem::path& root);
/// A CSV whose first column names pictures: numeric columns become labels, columns of few texts
/// one-hot labels "column=text", a column `split` the split. root: the folder, or the CSV.
Listing list_table(const std::filesystem::path& root);

bool recognises_pairs(const std::filesystem::path& root);
/// Pictures of two halves side by side: domains a (left) and b (right), paired by key.
Listing list_pairs(const std::filesystem::path& root);

bool recognises_folder(const std::filesystem::path& root);
/// Pictures anywhere below a folder. Folders train/, val/, test/ at the top are splits; two or more
/// folders of pictures (in each split) are classes, by name, with one-hot labels.
Listing list_folder(const std::filesystem::path& root);

}  // namespace pgan::data
