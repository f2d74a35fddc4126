# One INTERFACE target carries the warning flags; every target of the project links it.
add_library(pgan_warnings INTERFACE)
target_compile_options(pgan_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor $<$<BOOL:${PGAN_WERROR}>:-Werror>)
