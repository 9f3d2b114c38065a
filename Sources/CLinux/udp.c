// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxUDP.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
// Index of the drop counter in what SO_MEMINFO returns (SK_MEMINFO_DROPS, linux/sock_diag.h).
#define MEMINFO_DROPS 8
#define MEMINFO_COUNT 9

#define CONTROL_BYTES 128

struct clinux_udp_receiver {
    uint32_t batch;
    uint8_t *bytes;
    struct mmsghdr *messages;
    struct iovec *vectors;
    struct sockaddr_storage *names;
    uint8_t (*controls)[CONTROL_BYTES];
    clinux_udp_datagram *datagrams;
};

clinux_udp_receiver *clinux_udp_receiver_new(uint32_t batch, uint32_t datagram_bytes_max) {
    clinux_udp_receiver *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    // An odd number of cache lines between buffers: a power of two would put the start of every
    // datagram into the same cache sets.
    size_t stride = (((size_t)datagram_bytes_max + 63) / 64 | 1) * 64;
    r->batch = batch;
    r->bytes = aligned_alloc(64, stride * batch);
    r->messages = calloc(batch, sizeof *r->messages);
    r->vectors = calloc(batch, sizeof *r->vectors);
    r->names = calloc(batch, sizeof *r->names);
    r->controls = calloc(batch, sizeof *r->controls);
    r->datagrams = calloc(batch, sizeof *r->datagrams);
    if (!r->bytes || !r->messages || !r->vectors || !r->names || !r->controls || !r->datagrams) {
        clinux_udp_receiver_free(r);
        return NULL;
    }
    for (uint32_t i = 0; i < batch; i++) {
        r->vectors[i].iov_base = r->bytes + stride * i;
        r->vectors[i].iov_len = datagram_bytes_max;
        r->datagrams[i].bytes = r->bytes + stride * i;
        struct msghdr *header = &r->messages[i].msg_hdr;
        header->msg_iov = &r->vectors[i];
        header->msg_iovlen = 1;
        header->msg_name = &r->names[i];
        header->msg_control = r->controls[i];
    }
    return r;
}

void clinux_udp_receiver_free(clinux_udp_receiver *r) {
    if (!r) return;
    free(r->bytes);
    free(r->messages);
    free(r->vectors);
    free(r->names);
    free(r->controls);
    free(r->datagrams);
    free(r);
}

static void read_control(struct msghdr *header, clinux_udp_datagram *out) {
    out->stamp_ns = 0;
    out->has_drops = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            out->stamp_ns = (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&out->drops, CMSG_DATA(c), sizeof out->drops);
            out->has_drops = 1;
        }
    }
}

static void read_name(const struct sockaddr_storage *name, clinux_udp_datagram *out) {
    if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)name;
        uint64_t words[2];
        memcpy(words, &six->sin6_addr, sizeof words);
        out->address_high = be64toh(words[0]);
        out->address_low = be64toh(words[1]);
        out->port = ntohs(six->sin6_port);
    } else if (name->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)name;
        out->address_high = 0;
        out->address_low = 0xffff00000000u | ntohl(four->sin_addr.s_addr);
        out->port = ntohs(four->sin_port);
    } else {
        out->address_high = out->address_low = 0;
        out->port = 0;
    }
}

int clinux_udp_receive(clinux_udp_receiver *r, int fd) {
    for (uint32_t i = 0; i < r->batch; i++) {
        // The kernel shortens these to what it wrote; left so, the next message would be cut.
        r->messages[i].msg_hdr.msg_namelen = sizeof *r->names;
        r->messages[i].msg_hdr.msg_controllen = CONTROL_BYTES;
    }
    // The timeout argument is broken (checked only after a datagram), hence NULL.
    int count = recvmmsg(fd, r->messages, r->batch, MSG_DONTWAIT, NULL);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        clinux_udp_datagram *out = &r->datagrams[i];
        out->length = r->messages[i].msg_len;
        out->is_truncated = (r->messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        read_control(&r->messages[i].msg_hdr, out);
        read_name(&r->names[i], out);
    }
    return count;
}

const clinux_udp_datagram *clinux_udp_datagrams(const clinux_udp_receiver *r) {
    return r->datagrams;
}

// A name that is no numeric address and a family the host lacks are both "not available".
static int resolve(const char *address, uint16_t port, int flags, struct addrinfo **found) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_DGRAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | flags};
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    return getaddrinfo(address, service, &hints, found) == 0 ? 0 : -EADDRNOTAVAIL;
}

int clinux_udp_bind(const char *address, uint16_t port) {
    struct addrinfo *found = NULL;
    int rc = resolve(address, port, AI_PASSIVE, &found);
    if (rc != 0) return rc;
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        rc = -errno;
    } else {
        int on = 1, off = 0;
        if (found->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        // Both are checked by their effect: a datagram without a stamp is taken at its read time.
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
        rc = bind(fd, found->ai_addr, found->ai_addrlen) == 0 ? fd : -errno;
        if (rc < 0) close(fd);
    }
    freeaddrinfo(found);
    return rc;
}

int clinux_udp_connect(const char *address, uint16_t port) {
    struct addrinfo *found = NULL;
    int rc = resolve(address, port, 0, &found);
    if (rc != 0) return rc;
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        rc = -errno;
    } else {
        rc = connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? fd : -errno;
        if (rc < 0) close(fd);
    }
    freeaddrinfo(found);
    return rc;
}

int clinux_udp_set_receive_buffer(int fd, uint32_t bytes) {
    int wanted = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted) != 0)
        return -errno;
    int granted = 0;
    socklen_t length = sizeof granted;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length) != 0) return -errno;
    return granted / 2;
}

int clinux_udp_local_port(int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0) return -errno;
    if (name.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

int64_t clinux_udp_drops(int fd) {
    uint32_t words[MEMINFO_COUNT] = {0};
    socklen_t length = sizeof words;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, &length) != 0) return -errno;
    return length >= sizeof words ? (int64_t)words[MEMINFO_DROPS] : -ENOTSUP;
}

int clinux_udp_wait(int fd, int wake_fd, int timeout_ms) {
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    int rc = poll(both, 2, timeout_ms);
    if (rc < 0) return errno == EINTR ? 0 : -errno;
    return (both[0].revents != 0 ? 1 : 0) | (both[1].revents != 0 ? 2 : 0);
}

int clinux_wake_new(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void clinux_wake_signal(int fd) {
    uint64_t one = 1;
    // The only failure is a counter already at its maximum: the reader is awake then.
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

void clinux_nap(uint64_t nanoseconds) {
    struct timespec pause = {.tv_nsec = nanoseconds < 1000000000u ? (long)nanoseconds : 999999999};
    nanosleep(&pause, NULL);
}

void clinux_udp_address_text(uint64_t high, uint64_t low, char *text) {
    if (high == 0 && low >> 32 == 0xffff) {
        struct in_addr four = {.s_addr = htonl((uint32_t)low)};
        inet_ntop(AF_INET, &four, text, INET6_ADDRSTRLEN);
        return;
    }
    uint64_t words[2] = {htobe64(high), htobe64(low)};
    struct in6_addr six;
    memcpy(&six, words, sizeof six);
    inet_ntop(AF_INET6, &six, text, INET6_ADDRSTRLEN);
}

int64_t clinux_udp_gso_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes) {
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof segment_bytes);
    memcpy(CMSG_DATA(c), &segment_bytes, sizeof segment_bytes);
    ssize_t sent = sendmsg(fd, &message, 0);
    return sent < 0 ? -errno : sent;
}
