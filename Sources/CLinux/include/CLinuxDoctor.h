// SPDX-License-Identifier: Apache-2.0
// What `midwatch doctor` asks the machine. Functions that return int return a negated errno value
// on failure.
#ifndef MIDWATCH_CLINUX_DOCTOR_H
#define MIDWATCH_CLINUX_DOCTOR_H

#include <stddef.h>
#include <stdint.h>

/// Whether the kernel says that the wall clock is synchronised (adjtimex): 1 or 0, and the largest
/// error it estimates.
int clinux_clock_synchronised(int64_t *error_ns);

/// Whether this thread may run under SCHED_FIFO: 1 or 0; its policy is put back.
int clinux_realtime_allowed(void);

/// What a folder lies on: 0 a disk, 1 memory (gone with the power), 2 a network or user file system.
int clinux_folder_medium(const char *path);

/// Writes `count` blocks of 4 KiB, each followed by fdatasync, to a file without a name in
/// `folder`, and stores how long each took.
int clinux_sync_probe(const char *folder, int count, uint64_t *nanoseconds);

/// Writes `bytes` in blocks of 1 MiB and one fdatasync to a file without a name, and stores how
/// long that took.
int clinux_write_probe(const char *folder, uint64_t bytes, uint64_t *nanoseconds);

#endif
