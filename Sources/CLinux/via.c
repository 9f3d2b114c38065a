// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxVia.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int clinux_tcp_begin_via(
    const void *address, uint32_t address_bytes, int family, const char *interface) {
    size_t length = strlen(interface);
    if (length == 0 || length >= IFNAMSIZ) return -ENODEV;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)length) == 0
        && (connect(fd, address, address_bytes) == 0 || errno == EINPROGRESS))
        return fd;
    int error = errno;
    close(fd);
    return -error;
}
