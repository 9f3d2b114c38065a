// SPDX-License-Identifier: Apache-2.0
// File calls that Swift's Glibc module does not show.
#ifndef MIDWATCH_CLINUX_FILE_H
#define MIDWATCH_CLINUX_FILE_H

#include <stddef.h>
#include <stdint.h>

/// Opens with O_CLOEXEC, mode 0640. `flags` is a sum of the CLINUX_OPEN_ values.
/// Returns the descriptor, or the negative errno value.
int clinux_file_open(const char *path, int flags);
enum { CLINUX_OPEN_WRITE = 1, CLINUX_OPEN_CREATE = 2, CLINUX_OPEN_EXCLUSIVE = 4 };

/// Reserves blocks for `count` bytes from `offset`. Returns 0 or an errno value.
int clinux_file_allocate(int descriptor, uint64_t offset, uint64_t count);

/// Takes the exclusive lock of an open file without waiting. Returns 0 or an errno value.
int clinux_file_lock(int descriptor);

/// Fills `bytes` from the kernel's generator. Returns 0 or an errno value.
int clinux_random_bytes(void *bytes, size_t count);

/// Makes a folder, mode 0750. Returns 0 (also if it exists) or an errno value.
int clinux_folder_make(const char *path);

/// fsync of a folder. Returns 0 or an errno value.
int clinux_folder_sync(const char *path);

#endif
