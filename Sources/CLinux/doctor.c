// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxDoctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define MEBIBYTE (1024 * 1024)

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int clinux_clock_synchronised(int64_t *error_ns) {
    struct timex state = {0};
    int code = adjtimex(&state);
    if (code < 0) return -errno;
    *error_ns = (int64_t)state.maxerror * 1000;
    return code != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

int clinux_realtime_allowed(void) {
    struct sched_param before, wanted = {.sched_priority = 1};
    int policy = sched_getscheduler(0);
    if (policy < 0 || sched_getparam(0, &before) != 0) return -errno;
    if (sched_setscheduler(0, SCHED_FIFO, &wanted) != 0) return errno == EPERM ? 0 : -errno;
    sched_setscheduler(0, policy, &before);
    return 1;
}

int clinux_folder_medium(const char *path) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -errno;
    switch ((unsigned long)found.f_type & 0xFFFFFFFFul) {
    case 0x01021994ul:  // tmpfs
    case 0x858458F6ul:  // ramfs
        return 1;
    case 0x6969ul:      // NFS
    case 0xFF534D42ul:  // CIFS
    case 0xFE534D42ul:  // SMB2
    case 0x65735546ul:  // FUSE
        return 2;
    default:
        return 0;
    }
}

static int unnamed_file(const char *folder) {
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_sync_probe(const char *folder, int count, uint64_t *nanoseconds) {
    static const char block[BLOCK];
    int result = 0, descriptor = unnamed_file(folder);
    if (descriptor < 0) return descriptor;
    // Room is made first, as the journal does: the sync is of the data alone.
    result = posix_fallocate(descriptor, 0, (off_t)count * BLOCK);
    if (result != 0) result = -result;
    for (int index = 0; index < count && result == 0; index++) {
        uint64_t start = now_ns();
        if (pwrite(descriptor, block, BLOCK, (off_t)index * BLOCK) != BLOCK ||
            fdatasync(descriptor) != 0)
            result = errno == 0 ? -EIO : -errno;
        nanoseconds[index] = now_ns() - start;
    }
    close(descriptor);
    return result;
}

int clinux_write_probe(const char *folder, uint64_t bytes, uint64_t *nanoseconds) {
    int result = 0, descriptor = unnamed_file(folder);
    if (descriptor < 0) return descriptor;
    char *block = malloc(MEBIBYTE);
    if (block == NULL) {
        close(descriptor);
        return -ENOMEM;
    }
    // Not zeros: some disks store those without writing.
    for (size_t index = 0; index < MEBIBYTE; index++) block[index] = (char)(index * 2654435761u >> 13);
    uint64_t start = now_ns();
    for (uint64_t done = 0; done < bytes && result == 0; done += MEBIBYTE)
        if (write(descriptor, block, MEBIBYTE) != MEBIBYTE) result = errno == 0 ? -ENOSPC : -errno;
    if (result == 0 && fdatasync(descriptor) != 0) result = -errno;
    *nanoseconds = now_ns() - start;
    free(block);
    close(descriptor);
    return result;
}
