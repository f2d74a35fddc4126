#include <cstdio>
#include <exception>

#include "fuzz/seeds.h"

/// Usage: make_corpus FOLDER. Writes FOLDER/<target>/..., inputs to start from.
int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  try {
    for (const pgan::fuzz::Seed& seed : pgan::fuzz::make_seeds()) seed.save(arguments[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_corpus: %s\n", error.what());
    return 1;
  }
  return 0;
}
