// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxFile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int clinux_file_open(const char *path, int flags) {
    int mode = O_CLOEXEC | (flags & CLINUX_OPEN_WRITE ? O_RDWR : O_RDONLY);
    if (flags & CLINUX_OPEN_CREATE) mode |= O_CREAT;
    if (flags & CLINUX_OPEN_EXCLUSIVE) mode |= O_EXCL;
    for (;;) {
        int descriptor = open(path, mode, 0640);
        if (descriptor >= 0) return descriptor;
        if (errno != EINTR) return -errno;
    }
}

int clinux_file_allocate(int descriptor, uint64_t offset, uint64_t count) {
    for (;;) {
        if (fallocate(descriptor, 0, (off_t)offset, (off_t)count) == 0) return 0;
        if (errno != EINTR) return errno;
    }
}

int clinux_file_lock(int descriptor) {
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

int clinux_random_bytes(void *bytes, size_t count) {
    unsigned char *p = bytes;
    while (count > 0) {
        ssize_t got = getrandom(p, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        p += got;
        count -= (size_t)got;
    }
    return 0;
}

int clinux_folder_make(const char *path) {
    if (mkdir(path, 0750) == 0) return 0;
    if (errno != EEXIST) return errno;
    struct stat facts;
    if (stat(path, &facts) != 0) return errno;
    return S_ISDIR(facts.st_mode) ? 0 : ENOTDIR;
}

int clinux_folder_sync(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    int result = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return result;
}
